import { fromJSON, type PackageDefinition } from "@grpc/proto-loader";
import type { ServiceDefinition } from "@grpc/grpc-js";
import protobuf from "protobufjs";
// Imported as text the file is part of the module graph: no read permission is needed.
import quiltProto from "../../proto/quilt.proto" with { type: "text" };

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

/**
 * The messages and services of a .proto file, ready for grpc-js.
 *
 * @throws {TypeError} if it imports anything but what protobufjs carries with it, the
 * common types of google/protobuf
 */
export function loadProto(source: string): PackageDefinition {
  const { imports = [], root } = protobuf.parse(source, { keepCase: true });
  for (const file of imports) {
    const common = protobuf.common.get(file)?.nested;
    if (common === undefined) throw new TypeError(`Cannot find the import ${file}`);
    root.addJSON(common);
  }
  return fromJSON(root.toJSON(), {
    keepCase: true,
    defaults: true,
    enums: String,
    longs: Number,
    oneofs: true,
  });
}

/** All of `proto/quilt.proto`. */
export const QUILT_PACKAGE: PackageDefinition = loadProto(quiltProto);

/** `quilt.QuiltRuntime`, what the mesh agent calls. */
export const QUILT_RUNTIME: ServiceDefinition = serviceOf(
  QUILT_PACKAGE,
  "quilt.QuiltRuntime",
);

/**
 * A service of a loaded .proto by its full name.
 *
 * @throws {TypeError} if the package has no service of that name
 */
export function serviceOf(
  definition: PackageDefinition,
  name: string,
): ServiceDefinition {
  const found = definition[name];
  if (found === undefined || "format" in found) {
    throw new TypeError(`Cannot find service ${name} in the .proto`);
  }
  return found;
}

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

function stringField(message: unknown, name: string): string {
  if (typeof message === "object" && message !== null) {
    const value: unknown = Reflect.get(message, name);
    if (typeof value === "string") return value;
  }
  throw new TypeError(`Cannot decode the request as its field ${name} is not a string`);
}
