/** The shape of a JSON document: what a program that reads it depends on. */

/** The name of a type, or the shapes of fields or of an array's items. */
export type Shape =
  | string
  | { readonly [field: string]: Shape }
  | readonly Shape[];

/** The keys and types of a value; of an array the different shapes of its items. */
export function shapeOf(value: unknown): Shape {
  if (value === null) return "null";
  if (Array.isArray(value)) {
    const shapes = new Map(
      value.map(shapeOf).map((shape) => [JSON.stringify(shape), shape]),
    );
    return [...shapes.values()];
  }
  if (typeof value !== "object") return typeof value;
  return Object.fromEntries(
    Object.entries(value).map(([field, each]) => [field, shapeOf(each)]),
  );
}
