/** Our routes and records in the kernel, read without any code of the sidecar. */
import { isJsonObject, type JsonObject } from "../../deploy/json.ts";
import type { Namespace } from "../support/namespace.ts";

/** All routes and entries with protocol 142. */
export interface KernelState {
  /** The main table: destination to device. */
  readonly main: ReadonlyMap<string, string>;
  /** The desired routes in table 142: destination to device. */
  readonly records: ReadonlyMap<string, string>;
  /** The node's subnet in table 142. */
  readonly subnet: string | undefined;
}

/**
 * Reads the state from the kernel.
 *
 * @throws {Error} if there is anything else, e.g. two subnets.
 */
export async function readKernelState(namespace: Namespace): Promise<KernelState> {
  const text = await namespace.ip("-4 -json -Numeric route show table all proto 142");
  const listed: unknown = text.trim() === "" ? [] : JSON.parse(text);
  const entries = Array.isArray(listed) ? listed.filter(isJsonObject) : [];
  const main = new Map<string, string>();
  const records = new Map<string, string>();
  const subnets: string[] = [];
  for (const entry of entries) {
    const destination = String(entry["dst"]);
    if (entry["table"] === undefined && entry["type"] === undefined) {
      if (main.has(destination)) throw new Error(`Two routes in ${text}`);
      main.set(destination, String(entry["dev"]));
    } else if (entry["type"] === "7") records.set(destination, deviceOf(entry));
    else if (entry["type"] === "6") subnets.push(destination);
    else throw new Error(`Nothing of ours: ${JSON.stringify(entry)}`);
  }
  if (subnets.length > 1) throw new Error(`Two subnets in ${text}`);
  return { main, records, subnet: subnets[0] };
}

/** Decodes the device: four metrics of four characters each, top byte first. */
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
