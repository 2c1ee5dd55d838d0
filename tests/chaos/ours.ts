/** What the kernel itself shows of ours: the main table, and the memory in table 142. */
import { isJsonObject, type JsonObject } from "../../deploy/json.ts";
import type { Namespace } from "../support/namespace.ts";

/** All that carries protocol 142, read and decoded without a line of the sidecar's. */
export interface Ours {
  /** The main table: destination to device. */
  readonly main: ReadonlyMap<string, string>;
  /** The wanted routes in table 142: destination to device. */
  readonly memory: ReadonlyMap<string, string>;
  /** The node's subnet in table 142. */
  readonly subnet: string | undefined;
}

/**
 * Reads it from the kernel.
 *
 * @throws {Error} when there is anything that is none of these, e.g. two subnets.
 */
export async function readOurs(namespace: Namespace): Promise<Ours> {
  const text = await namespace.ip("-4 -json -Numeric route show table all proto 142");
  const listed: unknown = text.trim() === "" ? [] : JSON.parse(text);
  const entries = Array.isArray(listed) ? listed.filter(isJsonObject) : [];
  const main = new Map<string, string>();
  const memory = new Map<string, string>();
  const subnets: string[] = [];
  for (const entry of entries) {
    const destination = String(entry["dst"]);
    if (entry["table"] === undefined && entry["type"] === undefined) {
      if (main.has(destination)) throw new Error(`Two routes in ${text}`);
      main.set(destination, String(entry["dev"]));
    } else if (entry["type"] === "7") memory.set(destination, deviceOf(entry));
    else if (entry["type"] === "6") subnets.push(destination);
    else throw new Error(`Nothing of ours: ${JSON.stringify(entry)}`);
  }
  if (subnets.length > 1) throw new Error(`Two subnets in ${text}`);
  return { main, memory, subnet: subnets[0] };
}

/** Four words hold the device's name, four characters each, the first one on top. */
export function deviceOf(entry: JsonObject): string {
  const metrics: unknown = Array.isArray(entry["metrics"])
    ? entry["metrics"][0]
    : undefined;
  const bytes = ["window", "ssthresh", "cwnd", "reordering"].flatMap((field) => {
    const word = isJsonObject(metrics) ? Number(metrics[field] ?? 0) : 0;
    return [24, 16, 8, 0].map((shift) => (word >>> shift) & 255);
  });
  return String.fromCharCode(...bytes.filter((byte) => byte !== 0));
}
