import type { PackageDefinition } from "@grpc/proto-loader";
import type { ServiceDefinition } from "@grpc/grpc-js";
// Imported as text the file is part of the module graph: no read permission is needed.
import quiltProto from "../../../proto/quilt.proto" with { type: "text" };
import { stringField } from "../fields.ts";
import { loadProtoFile, type ProtoFile, serviceOf } from "../proto_registry.ts";

/** `quilt.ConfigureNodeSubnetRequest` */
export interface ConfigureNodeSubnetRequest {
  readonly subnet: string;
}

/** `quilt.InjectRouteRequest` */
export interface InjectRouteRequest {
  readonly destination: string;
  readonly via_interface: string;
}

/** `quilt.RemoveRouteRequest` */
export interface RemoveRouteRequest {
  readonly destination: string;
}

/** The response of all three RPCs: the .proto gives each its own name for it. */
export interface QuiltResponse {
  readonly success: boolean;
  /** Empty on success. */
  readonly error: string;
}

/** `proto/quilt.proto` */
export const QUILT_FILE: ProtoFile = loadProtoFile("quilt.proto", quiltProto);

/** All that it defines. */
export const QUILT_PACKAGE: PackageDefinition = QUILT_FILE.definition;

/** `quilt.QuiltRuntime`, what the mesh agent calls. */
export const QUILT_RUNTIME: ServiceDefinition = serviceOf(
  QUILT_PACKAGE,
  "quilt.QuiltRuntime",
);

/** @throws {TypeError} if the .proto and this file have drifted apart */
export function decodeConfigureNodeSubnetRequest(
  message: unknown,
): ConfigureNodeSubnetRequest {
  return { subnet: stringField(message, "subnet") };
}

/** @throws {TypeError} if the .proto and this file have drifted apart */
export function decodeInjectRouteRequest(message: unknown): InjectRouteRequest {
  return {
    destination: stringField(message, "destination"),
    via_interface: stringField(message, "via_interface"),
  };
}

/** @throws {TypeError} if the .proto and this file have drifted apart */
export function decodeRemoveRouteRequest(message: unknown): RemoveRouteRequest {
  return { destination: stringField(message, "destination") };
}
