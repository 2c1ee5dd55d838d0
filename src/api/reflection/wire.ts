import type { ServiceDefinition } from "@grpc/grpc-js";
// Imported as text the files are part of the module graph: no read permission is needed.
import v1Proto from "../../../proto/grpc/reflection/v1/reflection.proto" with {
  type: "text",
};
import v1alphaProto from "../../../proto/grpc/reflection/v1alpha/reflection.proto" with {
  type: "text",
};
import { fieldOf, numberField, stringField } from "../fields.ts";
import { loadProtoFile, type ProtoFile, serviceOf } from "../proto_registry.ts";

/** What a `ServerReflectionRequest` asks: its field that is set, by the field's name. */
export type ReflectionQuestion =
  | { readonly kind: "file_by_filename"; readonly name: string }
  | { readonly kind: "file_containing_symbol"; readonly symbol: string }
  | {
    readonly kind: "file_containing_extension";
    readonly type: string;
    readonly number: number;
  }
  | { readonly kind: "all_extension_numbers_of_type"; readonly type: string }
  | { readonly kind: "list_services" }
  | { readonly kind: "none" };

/** The field of a `ServerReflectionResponse` that is set. */
export type ReflectionAnswer =
  | {
    readonly file_descriptor_response: {
      /** A serialized `google.protobuf.FileDescriptorProto` each. */
      readonly file_descriptor_proto: readonly Uint8Array[];
    };
  }
  | {
    readonly all_extension_numbers_response: {
      readonly base_type_name: string;
      readonly extension_number: readonly number[];
    };
  }
  | {
    readonly list_services_response: {
      readonly service: readonly { readonly name: string }[];
    };
  }
  | {
    readonly error_response: {
      /** A gRPC status code. */
      readonly error_code: number;
      readonly error_message: string;
    };
  };

/** `ServerReflectionResponse` */
export type ReflectionResponse = ReflectionAnswer & {
  readonly valid_host: string;
  /** The `ServerReflectionRequest` as it came. */
  readonly original_request: unknown;
};

/** A version of the reflection protocol: only its name differs. */
export interface ReflectionVersion {
  readonly file: ProtoFile;
  readonly definition: ServiceDefinition;
}

/** The versions that clients speak; most try v1 first. */
export const REFLECTION_VERSIONS: readonly ReflectionVersion[] = [
  makeVersion("v1", v1Proto),
  makeVersion("v1alpha", v1alphaProto),
];

/** @throws {TypeError} if the .proto and this file have drifted apart */
export function decodeReflectionQuestion(message: unknown): ReflectionQuestion {
  // Which field of the oneof is set; undefined if none is.
  const kind = fieldOf(message, "message_request");
  switch (kind) {
    case "file_by_filename":
      return { kind, name: stringField(message, kind) };
    case "file_containing_symbol":
      return { kind, symbol: stringField(message, kind) };
    case "file_containing_extension": {
      const extension = fieldOf(message, kind);
      return {
        kind,
        type: stringField(extension, "containing_type"),
        number: numberField(extension, "extension_number"),
      };
    }
    case "all_extension_numbers_of_type":
      return { kind, type: stringField(message, kind) };
    case "list_services":
      return { kind };
    default:
      return { kind: "none" };
  }
}

/** The file is read when somebody asks for the first time: no start waits for that. */
function makeVersion(version: string, source: string): ReflectionVersion {
  const name = `grpc.reflection.${version}.ServerReflection`;
  let loaded: ProtoFile | undefined;
  const load = (): ProtoFile =>
    loaded ??= loadProtoFile(`grpc/reflection/${version}/reflection.proto`, source);
  const method = (): ServiceDefinition[string] => {
    const { ServerReflectionInfo } = serviceOf(load().definition, name);
    if (ServerReflectionInfo === undefined) throw new TypeError(`${name} is empty`);
    return ServerReflectionInfo;
  };
  return {
    get file() {
      return load();
    },
    definition: {
      ServerReflectionInfo: {
        path: `/${name}/ServerReflectionInfo`,
        requestStream: true,
        responseStream: true,
        requestSerialize: (value) => method().requestSerialize(value),
        requestDeserialize: (bytes) => method().requestDeserialize(bytes),
        responseSerialize: (value) => method().responseSerialize(value),
        responseDeserialize: (bytes) => method().responseDeserialize(bytes),
      },
    },
  };
}
