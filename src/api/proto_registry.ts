import type { ServiceDefinition } from "@grpc/grpc-js";
import {
  fromJSON,
  type PackageDefinition,
  type ServiceDefinition as LoadedService,
} from "@grpc/proto-loader";
import protobuf from "protobufjs";
import { checkEncoding } from "./encoding_check.ts";

/** A .proto file. */
export interface ProtoFile {
  /** As an import statement names it, e.g. `grpc/health/v1/health.proto`. */
  readonly name: string;
  /** Its package, e.g. `grpc.health.v1`. */
  readonly package: string;
  /** The names of the files that it imports. */
  readonly imports: readonly string[];
  /** What it defines. */
  readonly content: protobuf.Namespace;
  /** Its messages and services, ready for grpc-js. */
  readonly definition: PackageDefinition;
}

/**
 * Reads a .proto file.
 *
 * @param name as an import statement names it; reflection's clients see it
 * @param source its text, in proto3; of other files it may import only those that come
 * with Protocol Buffers, such as `google/protobuf/timestamp.proto`
 * @throws {Error} if the text is not such a file
 */
export function loadProtoFile(name: string, source: string): ProtoFile {
  const parsed = protobuf.parse(source, { keepCase: true });
  const imports = parsed.imports ?? [];
  for (const imported of imports) addStandardTypes(parsed.root, imported);
  return toProtoFile(name, parsed.package ?? "", imports, parsed.root);
}

/**
 * A file that comes with Protocol Buffers.
 *
 * @param name e.g. `google/protobuf/timestamp.proto`
 * @throws {TypeError} if there is none of that name
 */
export function standardProtoFile(name: string): ProtoFile {
  const root = new protobuf.Root();
  addStandardTypes(root, name);
  return toProtoFile(name, "google.protobuf", [], root);
}

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

function toProtoFile(
  name: string,
  packageName: string,
  imports: readonly string[],
  root: protobuf.Root,
): ProtoFile {
  const content = root.resolveAll().lookup(packageName);
  if (!(content instanceof protobuf.Namespace)) {
    throw new TypeError(`Cannot find package ${packageName} in ${name}`);
  }
  const definition = fromJSON(root.toJSON(), {
    keepCase: true,
    defaults: true,
    enums: String,
    longs: Number,
    oneofs: true,
  });
  const strict = checkRequests(definition, root);
  return { name, package: packageName, imports, content, definition: strict };
}

/** Of every service: a request is checked before it is decoded. */
function checkRequests(
  definition: PackageDefinition,
  root: protobuf.Root,
): PackageDefinition {
  return Object.fromEntries(
    Object.entries(definition).map(([name, entry]) => [
      name,
      "format" in entry ? entry : checkRequestsOf(entry, root.lookupService(name)),
    ]),
  );
}

function checkRequestsOf(
  definition: LoadedService,
  service: protobuf.Service,
): LoadedService {
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => {
      const type = service.methods[name]?.resolvedRequestType;
      if (!type) throw new TypeError(`Cannot find what ${service.name}.${name} takes`);
      const requestDeserialize: typeof method.requestDeserialize = (bytes) => {
        checkEncoding(bytes, type);
        return method.requestDeserialize(bytes);
      };
      return [name, { ...method, requestDeserialize }];
    }),
  );
}

function addStandardTypes(root: protobuf.Root, name: string): void {
  const { nested } = protobuf.common.get(name) ?? {};
  if (nested === undefined) {
    throw new TypeError(
      `Cannot import ${name}: it does not come with Protocol Buffers`,
    );
  }
  root.addJSON(nested);
}
