/**
 * A field of a decoded message; undefined if the message has none of that name.
 *
 * @throws {TypeError} if it is not a message
 */
export function fieldOf(message: unknown, name: string): unknown {
  if (typeof message === "object" && message !== null) {
    return Reflect.get(message, name);
  }
  throw new TypeError(`Cannot read ${name} of what is not a message`);
}

/** @throws {TypeError} if the field is not a string */
export function stringField(message: unknown, name: string): string {
  const value = fieldOf(message, name);
  if (typeof value === "string") return value;
  throw new TypeError(`Cannot decode the request as its field ${name} is not a string`);
}

/** @throws {TypeError} if the field is not a number */
export function numberField(message: unknown, name: string): number {
  const value = fieldOf(message, name);
  if (typeof value === "number") return value;
  throw new TypeError(`Cannot decode the request as its field ${name} is not a number`);
}
