import { status } from "@grpc/grpc-js";
import { quote } from "../../shared/quote.ts";
import { describeFile, encodeFile } from "./descriptor.ts";
import { type ProtoFile, standardProtoFile } from "../proto_registry.ts";
import type { ReflectionAnswer, ReflectionQuestion } from "./wire.ts";
import { messagesOf, symbolsOf } from "./symbols.ts";

/** Answers questions about what a server serves. */
export type Catalogue = (question: ReflectionQuestion) => ReflectionAnswer;

/**
 * Writes down what a server serves, in the words of server reflection.
 *
 * @param files where the services are defined
 * @param services the full names of the services
 */
export function createCatalogue(
  files: readonly ProtoFile[],
  services: readonly string[],
): Catalogue {
  const { byName, bySymbol, messages } = readFiles(files);
  return (question) => {
    switch (question.kind) {
      case "file_by_filename":
        return fileAnswer(byName.get(question.name), "file", question.name);
      case "file_containing_symbol":
        return fileAnswer(
          bySymbol.get(withoutDot(question.symbol)),
          "symbol",
          question.symbol,
        );
      case "file_containing_extension": {
        const { number, type } = question;
        return errorAnswer(
          status.NOT_FOUND,
          `No extension ${number} of ${quote(type)}: proto3 has none`,
        );
      }
      case "all_extension_numbers_of_type":
        return extensionNumbers(messages, question.type);
      case "list_services": {
        const names = services.toSorted().map((name) => ({ name }));
        return { list_services_response: { service: names } };
      }
      case "none":
        return errorAnswer(status.INVALID_ARGUMENT, "The request asks for nothing");
      default:
        return question satisfies never;
    }
  };
}

/** The serialized file, and after it the files that it imports. */
type Serialized = readonly Uint8Array[];

interface Index {
  readonly byName: ReadonlyMap<string, Serialized>;
  readonly bySymbol: ReadonlyMap<string, Serialized>;
  readonly messages: ReadonlySet<string>;
}

function readFiles(files: readonly ProtoFile[]): Index {
  const imported = new Set(files.flatMap((file) => file.imports));
  const all = [...files, ...[...imported].map(standardProtoFile)].map((file) => {
    const description = describeFile(file);
    return { description, bytes: encodeFile(description) };
  });
  const bytesOf = new Map(all.map((file) => [file.description.name, file.bytes]));
  const complete = all.map(({ bytes, description }) => ({
    description,
    serialized: [
      bytes,
      ...description.dependency.flatMap((name) => bytesOf.get(name) ?? []),
    ],
  }));
  return {
    byName: new Map(
      complete.map(({ description, serialized }) => [description.name, serialized]),
    ),
    bySymbol: new Map(
      complete.flatMap(({ description, serialized }) =>
        symbolsOf(description).map((symbol) => [symbol, serialized] as const)
      ),
    ),
    messages: new Set(complete.flatMap(({ description }) => messagesOf(description))),
  };
}

function fileAnswer(
  found: Serialized | undefined,
  what: string,
  name: string,
): ReflectionAnswer {
  return found === undefined
    ? errorAnswer(status.NOT_FOUND, `No ${what} ${quote(name)} on this server`)
    : { file_descriptor_response: { file_descriptor_proto: found } };
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

/** Both `.quilt.QuiltRuntime` and `quilt.QuiltRuntime` are asked for in the field. */
function withoutDot(name: string): string {
  return name.startsWith(".") ? name.slice(1) : name;
}
