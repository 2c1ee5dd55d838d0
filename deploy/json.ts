/** A JSON object: what every line and file that the tests read must be. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** True for an object that is neither null nor an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Parses one JSON object, e.g. a line of the audit trail.
 *
 * @throws {SyntaxError} when the text is not JSON.
 * @throws {TypeError} when it is JSON but no object.
 */
export function parseJsonObject(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) {
    throw new TypeError(`Cannot read as a JSON object: current value is ${text}`);
  }
  return value;
}

/**
 * The string that stands under a name.
 *
 * @throws {TypeError} when there is none.
 */
export function stringAt(object: JsonObject, name: string): string {
  const value = object[name];
  if (typeof value !== "string") {
    throw new TypeError(`Cannot read ${name} as a string in ${JSON.stringify(object)}`);
  }
  return value;
}

/**
 * The number that stands under a name.
 *
 * @throws {TypeError} when there is none.
 */
export function numberAt(object: JsonObject, name: string): number {
  const value = object[name];
  if (typeof value !== "number") {
    throw new TypeError(`Cannot read ${name} as a number in ${JSON.stringify(object)}`);
  }
  return value;
}

/**
 * The object that stands under a name.
 *
 * @throws {TypeError} when there is none.
 */
export function objectAt(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  if (!isJsonObject(value)) {
    throw new TypeError(
      `Cannot read ${name} as an object in ${JSON.stringify(object)}`,
    );
  }
  return value;
}

/**
 * The array that stands under a name.
 *
 * @throws {TypeError} when there is none.
 */
export function arrayAt(object: JsonObject, name: string): readonly unknown[] {
  const value = object[name];
  if (!Array.isArray(value)) {
    throw new TypeError(`Cannot read ${name} as an array in ${JSON.stringify(object)}`);
  }
  return value;
}
