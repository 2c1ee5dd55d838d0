import type { ServiceDefinition } from "@grpc/grpc-js";
// Imported as text the file is part of the module graph: no read permission is needed.
import sidecarProto from "../../proto/quilt_sidecar.proto" with { type: "text" };
import { loadProtoFile, type ProtoFile, serviceOf } from "./proto_registry.ts";

/** `proto/quilt_sidecar.proto`: what the sidecar offers beside the frozen API. */
export const SIDECAR_FILE: ProtoFile = loadProtoFile(
  "quilt_sidecar.proto",
  sidecarProto,
);

/** `quilt.sidecar.v1.NodeNetworkService` */
export const NODE_NETWORK_SERVICE: ServiceDefinition = serviceOf(
  SIDECAR_FILE.definition,
  "quilt.sidecar.v1.NodeNetworkService",
);

/** `quilt.sidecar.v1.AddressService` */
export const ADDRESS_SERVICE: ServiceDefinition = serviceOf(
  SIDECAR_FILE.definition,
  "quilt.sidecar.v1.AddressService",
);

/** `quilt.sidecar.v1.RouteService` */
export const ROUTE_SERVICE: ServiceDefinition = serviceOf(
  SIDECAR_FILE.definition,
  "quilt.sidecar.v1.RouteService",
);
