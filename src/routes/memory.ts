import type { Ipv4Cidr } from "../ipam/cidr.ts";
import { checkInterfaceName, type InterfaceName } from "./interface_name.ts";

/**
 * The routing protocol number on every route of ours, and the number of the table
 * that keeps our memory. No rule names that table, so it never carries a packet; it
 * outlives devices and processes and ends with the network namespace.
 */
export const OUR_PROTOCOL = 142;

/**
 * The metric of every entry of ours in table 142. Whoever else writes there writes with
 * another one, and the kernel keeps both.
 */
export const STATE_METRIC = 142;

/** How an entry of table 142 says what it stands for. */
export type StateType = "blackhole" | "unreachable" | "prohibit";

/** An entry of table 142: a prefix, its kind, and six 32-bit words of our own. */
export interface StateEntry {
  readonly type: StateType;
  readonly prefix: Ipv4Cidr;
  /** 0 to 2^32 - 1 each; the kernel keeps them as route metrics it never uses here. */
  readonly payload: readonly number[];
}

/** A route that was asked for, whether or not it can be installed now. */
export interface WantedRoute {
  readonly destination: Ipv4Cidr;
  readonly device: InterfaceName;
}

/** What an entry means, or why it means nothing. */
export type Remembered =
  | { readonly kind: "subnet"; readonly subnet: Ipv4Cidr; readonly revision: number }
  | { readonly kind: "route"; readonly route: WantedRoute }
  | { readonly kind: "nonsense"; readonly entry: StateEntry };

/** The node's subnet; of two entries the higher revision is the later one. */
export function subnetEntry(subnet: Ipv4Cidr, revision: number): StateEntry {
  return { type: "blackhole", prefix: subnet, payload: [revision] };
}

/**
 * A wanted route. The whole device name stands in the entry (15 characters are four
 * words), so that it is known even while no such device exists.
 */
export function routeEntry(route: WantedRoute): StateEntry {
  return {
    type: "unreachable",
    prefix: route.destination,
    payload: packName(route.device),
  };
}

/** Reads an entry of ours back. */
export function recall(entry: StateEntry): Remembered {
  switch (entry.type) {
    case "blackhole": {
      const revision = entry.payload[0] ?? 0;
      return revision === 0
        ? { kind: "nonsense", entry }
        : { kind: "subnet", subnet: entry.prefix, revision };
    }
    case "unreachable": {
      const name = checkInterfaceName(unpackName(entry.payload));
      return name.ok
        ? { kind: "route", route: { destination: entry.prefix, device: name.value } }
        : { kind: "nonsense", entry };
    }
    case "prohibit":
      return { kind: "nonsense", entry };
  }
}

const NAME_WORDS = 4;

function packName(name: string): readonly number[] {
  return Array.from(
    { length: NAME_WORDS },
    (_, word) =>
      [0, 1, 2, 3].reduce((packed, byte) => {
        const code = name.charCodeAt(word * 4 + byte);
        return packed * 256 + (Number.isNaN(code) ? 0 : code);
      }, 0),
  );
}

function unpackName(payload: readonly number[]): string {
  let name = "";
  for (const word of payload.slice(0, NAME_WORDS)) {
    for (const shift of [24, 16, 8, 0]) {
      const code = (word >>> shift) & 0xff;
      if (code !== 0) name += String.fromCharCode(code);
    }
  }
  return name;
}
