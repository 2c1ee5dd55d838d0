import { repository } from "../support/serve_task.ts";

/** The values of a directive of a unit of deploy/systemd, in their order. */
export async function directives(
  unit: string,
  name: string,
): Promise<readonly string[]> {
  const text = await Deno.readTextFile(`${repository}/deploy/systemd/${unit}`);
  return text.split("\n").filter((line) => line.startsWith(`${name}=`))
    .map((line) => line.slice(name.length + 1));
}

/**
 * The value of a directive that stands once.
 *
 * @throws {Error} when it does not.
 */
export async function directive(unit: string, name: string): Promise<string> {
  const [value, ...more] = await directives(unit, name);
  if (value === undefined || more.length > 0) {
    throw new Error(`${name} must stand once in ${unit}`);
  }
  return value;
}
