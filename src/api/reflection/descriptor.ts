import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor/index.js";
import type { ProtoFile } from "../proto_registry.ts";

/**
 * `google.protobuf.FileDescriptorProto` of descriptor.proto, as far as our files need
 * it: proto3. Comments, options and reserved numbers are left out.
 */
export interface FileDescriptor {
  readonly name: string;
  readonly package: string;
  readonly dependency: readonly string[];
  readonly messageType: readonly MessageDescriptor[];
  readonly enumType: readonly EnumDescriptor[];
  readonly service: readonly ServiceDescriptor[];
  readonly syntax: "proto3";
}

/** `DescriptorProto` */
export interface MessageDescriptor {
  readonly name: string;
  readonly field: readonly FieldDescriptor[];
  readonly nestedType: readonly MessageDescriptor[];
  readonly enumType: readonly EnumDescriptor[];
  readonly oneofDecl: readonly { readonly name: string }[];
  /** Of the message that protoc makes for the entries of a map. */
  readonly options?: { readonly mapEntry: true };
}

/** `FieldDescriptorProto` */
export interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  readonly label: "LABEL_OPTIONAL" | "LABEL_REPEATED";
  /** `TYPE_STRING`, `TYPE_MESSAGE` and so on. */
  readonly type: string;
  /** The full name of a message or an enum, with a dot in front. */
  readonly typeName?: string;
  /** The field's name in the JSON mapping. */
  readonly jsonName: string;
  /** The position of its oneof in `oneofDecl`. */
  readonly oneofIndex?: number;
  readonly proto3Optional?: true;
}

/** `EnumDescriptorProto` */
export interface EnumDescriptor {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number: number }[];
}

/** `ServiceDescriptorProto` */
export interface ServiceDescriptor {
  readonly name: string;
  readonly method: readonly {
    readonly name: string;
    readonly inputType: string;
    readonly outputType: string;
    readonly clientStreaming?: true;
    readonly serverStreaming?: true;
  }[];
}

/**
 * Describes a file as protoc does. protobufjs has a converter of its own, but it knows
 * neither the file's name nor its imports, and shortens the names of types.
 */
export function describeFile(file: ProtoFile): FileDescriptor {
  const { nestedArray } = file.content;
  return {
    name: file.name,
    package: file.package,
    dependency: file.imports,
    messageType: describeTypes(nestedArray),
    enumType: describeEnums(nestedArray),
    service: nestedArray.filter((one) => one instanceof protobuf.Service)
      .map(describeService),
    syntax: "proto3",
  };
}

/** The serialized `FileDescriptorProto`. */
export function encodeFile(file: FileDescriptor): Uint8Array {
  const { FileDescriptorProto } = descriptor;
  return FileDescriptorProto.encode(FileDescriptorProto.fromObject(file)).finish();
}

type Nested = readonly protobuf.ReflectionObject[];

function describeTypes(nested: Nested): readonly MessageDescriptor[] {
  return nested.filter((one) => one instanceof protobuf.Type).map(describeMessage);
}

function describeEnums(nested: Nested): readonly EnumDescriptor[] {
  return nested.filter((one) => one instanceof protobuf.Enum).map((one) => ({
    name: one.name,
    value: Object.entries(one.values).map(([name, number]) => ({ name, number })),
  }));
}

function describeMessage(type: protobuf.Type): MessageDescriptor {
  // protoc puts the oneofs that it makes for optional fields behind the others.
  const oneofs = type.oneofsArray.toSorted((one, other) =>
    Number(one.isProto3Optional) - Number(other.isProto3Optional)
  );
  return {
    name: type.name,
    field: type.fieldsArray.map((field) => describeField(field, oneofs)),
    nestedType: [
      ...describeTypes(type.nestedArray),
      ...type.fieldsArray.filter((field) => field instanceof protobuf.MapField)
        .map(describeEntry),
    ],
    enumType: describeEnums(type.nestedArray),
    oneofDecl: oneofs.map(({ name }) => ({ name })),
  };
}

function describeField(
  field: protobuf.Field,
  oneofs: readonly protobuf.OneOf[],
): FieldDescriptor {
  const { id: number, name, partOf, resolvedType } = field;
  return {
    name,
    number,
    label: field.repeated || field.map ? "LABEL_REPEATED" : "LABEL_OPTIONAL",
    ...(field.map
      ? {
        type: "TYPE_MESSAGE",
        typeName: `${field.parent?.fullName}.${entryName(name)}`,
      }
      : describeFieldType(field.type, resolvedType)),
    jsonName: camelCase(name),
    ...(partOf ? { oneofIndex: oneofs.indexOf(partOf) } : {}),
    ...(partOf?.isProto3Optional ? { proto3Optional: true } : {}),
  };
}

/** A map is a repeated message of a key and a value. */
function describeEntry(map: protobuf.MapField): MessageDescriptor {
  const label = "LABEL_OPTIONAL";
  const key = { name: "key", number: 1, label, jsonName: "key" } as const;
  const value = { name: "value", number: 2, label, jsonName: "value" } as const;
  return {
    name: entryName(map.name),
    field: [
      { ...key, ...describeFieldType(map.keyType, null) },
      { ...value, ...describeFieldType(map.type, map.resolvedType) },
    ],
    nestedType: [],
    enumType: [],
    oneofDecl: [],
    options: { mapEntry: true },
  };
}

/** `StatusesEntry` for `statuses`, as protoc names it. */
function entryName(field: string): string {
  return `${camelCase(`_${field}`)}Entry`;
}

function camelCase(name: string): string {
  return name.replaceAll(/_+(.?)/g, (_, next: string) => next.toUpperCase());
}

function describeFieldType(
  scalar: string,
  resolved: protobuf.Type | protobuf.Enum | null,
): Pick<FieldDescriptor, "type" | "typeName"> {
  if (resolved === null) return { type: `TYPE_${scalar.toUpperCase()}` };
  const type = resolved instanceof protobuf.Enum ? "TYPE_ENUM" : "TYPE_MESSAGE";
  return { type, typeName: resolved.fullName };
}

function describeService({ methodsArray, name }: protobuf.Service): ServiceDescriptor {
  return {
    name,
    method: methodsArray.map((method) => ({
      name: method.name,
      inputType: method.resolvedRequestType?.fullName ?? "",
      outputType: method.resolvedResponseType?.fullName ?? "",
      ...(method.requestStream ? { clientStreaming: true } : {}),
      ...(method.responseStream ? { serverStreaming: true } : {}),
    })),
  };
}
