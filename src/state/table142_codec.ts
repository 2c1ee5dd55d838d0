import { hostAddress, type Ipv4Address } from "../ipam/address.ts";
import { hostPrefix, type Ipv4Cidr } from "../ipam/cidr.ts";
import {
  MAX_OWNER_LENGTH,
  type Owner,
  type OwnerKey,
  ownerKey,
  ownerKeyWords,
} from "../ipam/owner.ts";
import type { TableEntry, TableRoute } from "../dataplane/dataplane.ts";
import type { Route } from "../routing/route.ts";
import { checkInterfaceName } from "../routing/interface_name.ts";
import {
  BLACKHOLE_TYPES,
  type BlackholeType,
  OUR_PROTOCOL,
} from "../routing/kernel_route.ts";

/**
 * The table that keeps our state. No rule names it, so it never carries a packet; it
 * outlives devices and processes and ends with the network namespace.
 */
export const STATE_TABLE = 142;

/**
 * The metric of every entry of ours in table 142, but for the parts of an owner's name,
 * which follow it. Whoever else writes there writes with another one, and the kernel
 * keeps both.
 */
export const STATE_METRIC = 142;

/** Characters of an owner's name in one entry. */
const PART_LENGTH = 24;

/** Entries that the longest name needs. */
const PARTS = Math.ceil(MAX_OWNER_LENGTH / PART_LENGTH);

/** The highest metric of ours. */
export const LAST_STATE_METRIC = STATE_METRIC + PARTS;

/** What an entry means, or why it means nothing. */
export type Remembered =
  | {
    readonly kind: "subnet";
    readonly subnet: Ipv4Cidr;
    readonly revision: number;
    /** The address given last, counted from the network address. */
    readonly cursor: number;
  }
  | {
    readonly kind: "route";
    readonly route: Route;
    /** False: since its start the agent has not asked for it. */
    readonly confirmed: boolean;
  }
  /** An allocated address: it is one exactly as long as this entry is there. */
  | { readonly kind: "address"; readonly address: Ipv4Address; readonly key: OwnerKey }
  /** One part, from 0, of the name of an address's owner. */
  | {
    readonly kind: "owner-part";
    readonly address: Ipv4Address;
    readonly part: number;
    readonly text: string;
  }
  | { readonly kind: "nonsense"; readonly entry: TableEntry };

/**
 * The node's subnet; of two entries the higher revision is the later one.
 *
 * @param cursor the address given last, counted from the network address
 */
export function subnetEntry(
  subnet: Ipv4Cidr,
  revision: number,
  cursor = 0,
): TableEntry {
  return {
    table: STATE_TABLE,
    type: "blackhole",
    prefix: subnet,
    metric: STATE_METRIC,
    payload: [revision, cursor],
  };
}

/**
 * A wanted route. The whole device name stands in the entry (15 characters are four
 * words), so that it is known even while no such device exists.
 */
export function routeEntry(route: Route, confirmed = true): TableEntry {
  const name = packText(route.device, NAME_WORDS);
  return {
    table: STATE_TABLE,
    type: "unreachable",
    prefix: route.destination,
    metric: STATE_METRIC,
    payload: confirmed ? name : [...name, UNCONFIRMED],
  };
}

/** An allocated address; its owner is told apart by the key, whatever its name. */
export function addressEntry(address: Ipv4Address, key: OwnerKey): TableEntry {
  return {
    table: STATE_TABLE,
    type: "prohibit",
    prefix: hostPrefix(address),
    metric: STATE_METRIC,
    payload: ownerKeyWords(key),
  };
}

/** The name of an address's owner, 24 characters an entry. */
export function ownerEntries(
  address: Ipv4Address,
  owner: Owner,
): readonly TableEntry[] {
  return Array.from({ length: ownerParts(owner) }, (_, part) => ({
    table: STATE_TABLE,
    type: "prohibit",
    prefix: hostPrefix(address),
    metric: STATE_METRIC + 1 + part,
    payload: packText(ownerPart(owner, part), PART_LENGTH / 4),
  }));
}

/** How many entries a name has. */
export function ownerParts(owner: Owner): number {
  return Math.ceil(owner.length / PART_LENGTH);
}

/** What the entry of a part, from 0, says of a name; empty beyond its end. */
export function ownerPart(owner: Owner, part: number): string {
  return owner.slice(part * PART_LENGTH, (part + 1) * PART_LENGTH);
}

/** The entry of ours that a route of table 142 is; undefined if it is none. */
export function entryOf({ payload, route }: TableRoute): TableEntry | undefined {
  const { destination, metric, protocol, table } = route;
  const type = TYPES.get(route.type);
  const isOurs = table === STATE_TABLE && protocol === OUR_PROTOCOL &&
    metric >= STATE_METRIC && metric <= LAST_STATE_METRIC;
  return isOurs && type !== undefined
    ? { table, type, prefix: destination, metric, payload }
    : undefined;
}

const TYPES: ReadonlyMap<number, BlackholeType> = new Map([
  [BLACKHOLE_TYPES.blackhole, "blackhole"],
  [BLACKHOLE_TYPES.unreachable, "unreachable"],
  [BLACKHOLE_TYPES.prohibit, "prohibit"],
]);

/** Reads an entry of ours back. */
export function recall(entry: TableEntry): Remembered {
  return recallKnown(entry) ?? { kind: "nonsense", entry };
}

function recallKnown(entry: TableEntry): Remembered | undefined {
  const { metric, payload, prefix } = entry;
  if (entry.type === "prohibit") return recallAddress(entry);
  if (metric !== STATE_METRIC) return undefined;
  switch (entry.type) {
    case "blackhole": {
      const [revision = 0, cursor = 0] = payload;
      return revision === 0
        ? undefined
        : { kind: "subnet", subnet: prefix, revision, cursor };
    }
    case "unreachable": {
      const name = checkInterfaceName(unpackText(payload.slice(0, NAME_WORDS)));
      if (!name.ok) return undefined;
      const route = { destination: prefix, device: name.value };
      return { kind: "route", route, confirmed: payload[NAME_WORDS] !== UNCONFIRMED };
    }
  }
}

function recallAddress(
  { metric, payload, prefix }: TableEntry,
): Remembered | undefined {
  const address = hostAddress(prefix);
  if (address === undefined || payload.every((word) => word === 0)) return undefined;
  return metric === STATE_METRIC
    ? { kind: "address", address, key: ownerKey(payload) }
    : {
      kind: "owner-part",
      address,
      part: metric - STATE_METRIC - 1,
      text: unpackText(payload),
    };
}

/** Enough for the 15 characters of a device's name. */
const NAME_WORDS = 4;

/** What stands behind the name of the device. */
const UNCONFIRMED = 1;

/** Four characters a word, the first one on top; what is missing is 0. */
function packText(text: string, words: number): readonly number[] {
  const packed = Array.from({ length: words }, () => 0);
  for (let at = 0; at < words * 4; at += 1) {
    const word = at >> 2;
    // NaN beyond the text's end.
    packed[word] = (packed[word] ?? 0) * 256 + (text.charCodeAt(at) || 0);
  }
  return packed;
}

function unpackText(payload: readonly number[]): string {
  let text = "";
  for (const word of payload) {
    for (const shift of [24, 16, 8, 0]) {
      const code = (word >>> shift) & 0xff;
      if (code !== 0) text += String.fromCharCode(code);
    }
  }
  return text;
}
