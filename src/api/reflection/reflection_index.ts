import { Buffer } from "node:buffer";
import { status } from "@grpc/grpc-js";
import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor/index.js";
import { quote } from "../../shared/quote.ts";
import type { ServerReflectionRequest } from "../gen/grpc/reflection/v1/ServerReflectionRequest.ts";
import type { ServerReflectionResponse } from "../gen/grpc/reflection/v1/ServerReflectionResponse.ts";

type AnswerKind = NonNullable<ServerReflectionResponse["message_response"]>;

/** The answer in a response: one of the fields of its oneof. */
export type ReflectionAnswer = {
  readonly [Kind in AnswerKind]: {
    readonly [Field in Kind]: NonNullable<ServerReflectionResponse[Field]>;
  };
}[AnswerKind];

/** Answers the requests of server reflection. */
export type ReflectionIndex = (request: ServerReflectionRequest) => ReflectionAnswer;

/**
 * Indexes .proto files by their names and symbols.
 *
 * @param descriptorSet a serialized `google.protobuf.FileDescriptorSet` in base64, with
 * all files that its files import
 * @param serviceNames the full names of the services that are served
 */
export function createReflectionIndex(
  descriptorSet: string,
  serviceNames: readonly string[],
): ReflectionIndex {
  const { byName, bySymbol, messages } = indexFiles(readFiles(descriptorSet));
  return (request) => {
    switch (request.message_request) {
      case "file_by_filename": {
        const { file_by_filename: name = "" } = request;
        return fileAnswer(byName.get(name), "file", name);
      }
      case "file_containing_symbol": {
        const { file_containing_symbol: symbol = "" } = request;
        return fileAnswer(bySymbol.get(withoutDot(symbol)), "symbol", symbol);
      }
      case "file_containing_extension": {
        const { containing_type: type = "", extension_number: number = 0 } =
          request.file_containing_extension ?? {};
        return errorAnswer(
          status.NOT_FOUND,
          `No extension ${number} of ${quote(type)}: proto3 has none`,
        );
      }
      case "all_extension_numbers_of_type": {
        const { all_extension_numbers_of_type: type = "" } = request;
        return extensionNumbers(messages, type);
      }
      case "list_services": {
        const service = serviceNames.toSorted().map((name) => ({ name }));
        return { list_services_response: { service } };
      }
      case undefined:
        return errorAnswer(status.INVALID_ARGUMENT, "The request asks for nothing");
      default:
        return request.message_request satisfies never;
    }
  };
}

/** A .proto file, with the part of its `google.protobuf.FileDescriptorProto` we need. */
interface DescribedFile {
  /** The serialized descriptor. */
  readonly bytes: Buffer;
  readonly name: string;
  readonly package: string;
  /** The names of the files that it imports. */
  readonly dependency: readonly string[];
  readonly messageType: readonly DescribedMessage[];
  readonly enumType: readonly DescribedEnum[];
  readonly service: readonly (Named & { readonly method: readonly Named[] })[];
}

interface Named {
  readonly name: string;
}

interface DescribedMessage extends Named {
  readonly field: readonly Named[];
  readonly oneofDecl: readonly Named[];
  readonly nestedType: readonly DescribedMessage[];
  readonly enumType: readonly DescribedEnum[];
}

interface DescribedEnum extends Named {
  readonly value: readonly Named[];
}

/** A set is one repeated field: each file is a tag, a length, and bytes. */
function readFiles(descriptorSet: string): readonly DescribedFile[] {
  const reader = protobuf.Reader.create(Buffer.from(descriptorSet, "base64"));
  const files: DescribedFile[] = [];
  while (reader.pos < reader.len) {
    reader.skip();
    files.push(describeFile(Buffer.from(reader.bytes())));
  }
  return files;
}

function describeFile(bytes: Buffer): DescribedFile {
  const { FileDescriptorProto } = descriptor;
  const decoded = FileDescriptorProto.toObject(FileDescriptorProto.decode(bytes), {
    arrays: true,
  });
  const { dependency, enumType, messageType, name, package: scope, service } = decoded;
  return { bytes, name, package: scope, dependency, messageType, enumType, service };
}

/** A file and, behind it, the files that it imports. */
type FileWithImports = readonly Buffer[];

interface Index {
  readonly byName: ReadonlyMap<string, FileWithImports>;
  readonly bySymbol: ReadonlyMap<string, FileWithImports>;
  /** The full names of all messages. */
  readonly messages: ReadonlySet<string>;
}

function indexFiles(files: readonly DescribedFile[]): Index {
  const bytesOf = new Map(files.map(({ bytes, name }) => [name, bytes]));
  const withImports = files.map((file) => ({
    file,
    found: [file.bytes, ...file.dependency.flatMap((name) => bytesOf.get(name) ?? [])],
  }));
  return {
    byName: new Map(withImports.map(({ file, found }) => [file.name, found])),
    bySymbol: new Map(
      withImports.flatMap(({ file, found }) =>
        symbolsOf(file).map((symbol) => [symbol, found] as const)
      ),
    ),
    messages: new Set(
      files.flatMap((file) => messageNames(file.package, file.messageType)),
    ),
  };
}

/** The full name of everything in a file that has one, e.g. `quilt.QuiltRuntime`. */
function symbolsOf(file: DescribedFile): readonly string[] {
  return [
    ...file.messageType.flatMap((message) => messageSymbols(file.package, message)),
    ...file.enumType.flatMap((type) => enumSymbols(file.package, type)),
    ...file.service.flatMap(({ method, name }) => {
      const fullName = `${file.package}.${name}`;
      return [fullName, ...method.map((rpc) => `${fullName}.${rpc.name}`)];
    }),
  ];
}

/** The full names of messages, those inside of others included. */
function messageNames(
  scope: string,
  messages: readonly DescribedMessage[],
): readonly string[] {
  return messages.flatMap(({ name, nestedType }) => {
    const fullName = `${scope}.${name}`;
    return [fullName, ...messageNames(fullName, nestedType)];
  });
}

function messageSymbols(scope: string, message: DescribedMessage): readonly string[] {
  const name = `${scope}.${message.name}`;
  const members = [...message.field, ...message.oneofDecl];
  return [
    name,
    ...members.map((member) => `${name}.${member.name}`),
    ...message.nestedType.flatMap((nested) => messageSymbols(name, nested)),
    ...message.enumType.flatMap((type) => enumSymbols(name, type)),
  ];
}

/** The values of an enum are its siblings, not its members, as in C++. */
function enumSymbols(
  scope: string,
  { name, value }: DescribedEnum,
): readonly string[] {
  return [name, ...value.map((one) => one.name)].map((one) => `${scope}.${one}`);
}

function fileAnswer(
  found: FileWithImports | undefined,
  what: string,
  name: string,
): ReflectionAnswer {
  return found === undefined
    ? errorAnswer(status.NOT_FOUND, `No ${what} ${quote(name)} on this server`)
    : { file_descriptor_response: { file_descriptor_proto: [...found] } };
}

function extensionNumbers(
  messages: ReadonlySet<string>,
  type: string,
): ReflectionAnswer {
  const name = withoutDot(type);
  return messages.has(name)
    ? { all_extension_numbers_response: { base_type_name: name, extension_number: [] } }
    : errorAnswer(status.NOT_FOUND, `No message ${quote(type)} on this server`);
}

function errorAnswer(code: status, message: string): ReflectionAnswer {
  return { error_response: { error_code: code, error_message: message } };
}

/** Some clients ask for `.quilt.QuiltRuntime`, others for `quilt.QuiltRuntime`. */
function withoutDot(name: string): string {
  return name.startsWith(".") ? name.slice(1) : name;
}
