/** All routes of all tables, and our records in table 142, as the kernel shows them. */
import { isJsonObject } from "../../deploy/json.ts";
import type { Namespace } from "../support/namespace.ts";
import { deviceOf } from "./kernel_state.ts";

/** A line of `ip -Numeric route show table all`. */
export interface Line {
  readonly text: string;
  /** The destination, or `default`. */
  readonly to: string;
  readonly device: string | undefined;
  /** A number, or `main`. */
  readonly table: string;
  readonly protocol: number;
  readonly metric: number;
}

/** Reads every route of every table, in the kernel's order. */
export async function readLines(namespace: Namespace): Promise<readonly Line[]> {
  const text = await namespace.ip("-4 -Numeric route show table all");
  return text.split("\n").filter((line) => line !== "").map(parse);
}

/** A type other than unicast comes first, as a number. */
function parse(text: string): Line {
  const words = text.trim().split(/\s+/);
  if (/^\d+$/.test(words[0] ?? "")) words.shift();
  const after = (name: string): string | undefined =>
    words.includes(name) ? words[words.indexOf(name) + 1] : undefined;
  return {
    text,
    to: words[0] ?? "",
    device: after("dev"),
    table: after("table") ?? "main",
    protocol: Number(after("proto") ?? 3),
    metric: Number(after("metric") ?? 0),
  };
}

/** True for a route of ours in the main table, and for an entry of our state table. */
export function isOurs({ metric, protocol, table }: Line): boolean {
  return protocol === 142 && (table === "main" || table === "142" && metric === 142);
}

/** Our records in table 142: the node's subnet, and devices by destination. */
export interface StateTable {
  readonly subnet: string | undefined;
  readonly routes: ReadonlyMap<string, string>;
}

/** Reads our entries in table 142, and ignores foreign ones. */
export async function readStateTable(namespace: Namespace): Promise<StateTable> {
  const text = await namespace.ip("-4 -json -Numeric route show table all proto 142");
  const listed: unknown = JSON.parse(text);
  const entries = (Array.isArray(listed) ? listed.filter(isJsonObject) : [])
    .filter((entry) => entry["table"] === "142" && entry["metric"] === 142);
  const subnets = entries.filter((entry) => entry["type"] === "6");
  const routes = entries.filter((entry) => entry["type"] === "7");
  if (subnets.length > 1 || subnets.length + routes.length < entries.length) {
    throw new Error(`Nothing of ours: ${text}`);
  }
  const [subnet] = subnets;
  return {
    subnet: subnet === undefined ? undefined : String(subnet["dst"]),
    routes: new Map(routes.map((entry) => [String(entry["dst"]), deviceOf(entry)])),
  };
}
