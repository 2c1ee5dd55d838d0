import type { PackageDefinition } from "@grpc/proto-loader";
import type { ServiceDefinition } from "@grpc/grpc-js";
// Imported as text the file is part of the module graph: no read permission is needed.
import sidecarProto from "../../proto/quilt_sidecar.proto" with { type: "text" };
import { loadProto, serviceOf } from "./wire.ts";

/** All of `proto/quilt_sidecar.proto`: what the sidecar offers beside the frozen API. */
export const SIDECAR_PACKAGE: PackageDefinition = loadProto(sidecarProto);

/** `quilt.sidecar.v1.NodeNetworkService` */
export const NODE_NETWORK_SERVICE: ServiceDefinition = serviceOf(
  SIDECAR_PACKAGE,
  "quilt.sidecar.v1.NodeNetworkService",
);

/** `quilt.sidecar.v1.AddressService` */
export const ADDRESS_SERVICE: ServiceDefinition = serviceOf(
  SIDECAR_PACKAGE,
  "quilt.sidecar.v1.AddressService",
);

/** `quilt.sidecar.v1.RouteService` */
export const ROUTE_SERVICE: ServiceDefinition = serviceOf(
  SIDECAR_PACKAGE,
  "quilt.sidecar.v1.RouteService",
);
