import type {
  EnumDescriptor,
  FileDescriptor,
  MessageDescriptor,
} from "./descriptor.ts";

/** The full name of everything in a file that has one, e.g. `quilt.QuiltRuntime`. */
export function symbolsOf(file: FileDescriptor): readonly string[] {
  const within = (name: string) => `${file.package}.${name}`;
  return [
    ...file.messageType.flatMap((message) => messageSymbols(file.package, message)),
    ...file.enumType.flatMap((one) => enumSymbols(file.package, one)),
    ...file.service.flatMap(({ method, name }) => [
      within(name),
      ...method.map((one) => within(`${name}.${one.name}`)),
    ]),
  ];
}

/** The full names of a file's messages, those inside of others included. */
export function messagesOf(file: FileDescriptor): readonly string[] {
  const named = (scope: string, message: MessageDescriptor): readonly string[] => {
    const name = `${scope}.${message.name}`;
    return [name, ...message.nestedType.flatMap((nested) => named(name, nested))];
  };
  return file.messageType.flatMap((message) => named(file.package, message));
}

function messageSymbols(scope: string, message: MessageDescriptor): readonly string[] {
  const name = `${scope}.${message.name}`;
  const members = [...message.field, ...message.oneofDecl];
  return [
    name,
    ...members.map((member) => `${name}.${member.name}`),
    ...message.nestedType.flatMap((nested) => messageSymbols(name, nested)),
    ...message.enumType.flatMap((nested) => enumSymbols(name, nested)),
  ];
}

/** An enum's values are named as its siblings, not as its members (as in C++). */
function enumSymbols(
  scope: string,
  { name, value }: EnumDescriptor,
): readonly string[] {
  return [name, ...value.map((one) => one.name)].map((one) => `${scope}.${one}`);
}
