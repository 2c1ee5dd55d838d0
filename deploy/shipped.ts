/** What the sidecar is shipped with: the packages that src/main.ts reaches. */
import {
  isJsonObject,
  type JsonObject,
  objectAt,
  parseJsonObject,
  stringAt,
} from "./json.ts";

/** The root of the sources. */
const root = new URL("..", import.meta.url);

/** One npm package, as deno.lock pins it. */
export interface ShippedPackage {
  /** Name and version, e.g. `@grpc/grpc-js@1.14.7`, with its peers if any: unique. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** Whether src/ imports it itself. */
  readonly imported: boolean;
  /** SHA-512 of its archive, in hexadecimal digits. */
  readonly sha512: string;
  /** The ids of the packages that it asks for. */
  readonly dependencies: readonly string[];
  /** The folder of the cache that holds it. */
  readonly folder: URL;
}

/**
 * Every npm package that src/main.ts imports, and what these ask for, in order of id.
 *
 * What only the tests import is in deno.lock as well, but is not shipped.
 */
export async function shippedPackages(): Promise<readonly ShippedPackage[]> {
  const graph = await readGraph();
  const locked = objectAt(parseJsonObject(await readText("deno.lock")), "npm");
  const packages = objectAt(graph, "npmPackages");
  const found = new Map<string, ShippedPackage>();
  const imported = importedIds(graph);
  const waiting = [...imported];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (found.has(id)) continue;
    const shipped = readPackage(objectAt(packages, id), objectAt(locked, id));
    found.set(id, { id, imported: imported.includes(id), ...shipped });
    waiting.push(...shipped.dependencies);
  }
  return [...found.values()].sort((one, other) => one.id < other.id ? -1 : 1);
}

/** What a package says its licence is: an SPDX identifier such as `BSD-3-Clause`. */
export async function licenceOf({ folder }: ShippedPackage): Promise<string> {
  const manifest = await Deno.readTextFile(new URL("package.json", folder));
  return stringAt(parseJsonObject(manifest), "license");
}

/** A file of the sources, as text. */
export function readText(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, root));
}

async function readGraph(): Promise<JsonObject> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--frozen", "src/main.ts"],
    cwd: root,
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("Cannot read the graph of src/main.ts: see above");
  return parseJsonObject(new TextDecoder().decode(stdout));
}

function importedIds(graph: JsonObject): readonly string[] {
  return arrayAt(graph, "modules").filter(isJsonObject)
    .filter((module) => module["kind"] === "npm")
    .map((module) => stringAt(module, "npmPackage"));
}

function readPackage(
  found: JsonObject,
  locked: JsonObject,
): Omit<ShippedPackage, "id" | "imported"> {
  const integrity = stringAt(locked, "integrity");
  const [algorithm, digest = ""] = integrity.split("-");
  if (algorithm !== "sha512") {
    throw new Error(`Cannot read as an SHA-512: current value is ${integrity}`);
  }
  return {
    name: stringAt(found, "name"),
    version: stringAt(found, "version"),
    sha512: Uint8Array.fromBase64(digest).toHex(),
    dependencies: arrayAt(found, "dependencies").map(String),
    folder: new URL(`file://${stringAt(found, "localPath")}/`),
  };
}

function arrayAt(object: JsonObject, name: string): readonly unknown[] {
  const value = object[name];
  if (!Array.isArray(value)) throw new TypeError(`Cannot read ${name} as an array`);
  return value;
}
