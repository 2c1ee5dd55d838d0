import { hostAddress, type Ipv4Address } from "../ipam/address.ts";
import { hostPrefix, type Ipv4Cidr } from "../ipam/cidr.ts";
import {
  MAX_OWNER_LENGTH,
  type Owner,
  ownerKey,
  ownerKeyWords,
} from "../ipam/owner.ts";
import type { TableEntry, TableRoute } from "../dataplane/dataplane.ts";
import { parseInterfaceName } from "../routing/interface_name.ts";
import {
  BLACKHOLE_TYPES,
  type BlackholeType,
  OUR_PROTOCOL,
} from "../routing/kernel_route.ts";
import type {
  AddressRecord,
  FragmentRecord,
  OwnerRecord,
  RouteRecord,
  SubnetRecord,
} from "./store.ts";

/**
 * The table that keeps our state. No rule names it, so it never carries a packet; it
 * outlives devices and processes and ends with the network namespace.
 */
export const STATE_TABLE = 142;

/**
 * The metric of every entry of ours in table 142, but for the parts of an owner's name,
 * which follow it. Another program that writes there uses another one, and the kernel
 * keeps both.
 */
export const STATE_METRIC = 142;

/** Characters of an owner's name in one entry. */
const PART_LENGTH = 24;

/** The highest metric of ours: the longest name needs so many entries more. */
export const LAST_STATE_METRIC = STATE_METRIC +
  Math.ceil(MAX_OWNER_LENGTH / PART_LENGTH);

/** A record as one entry can hold it: a name has an entry for each of its parts. */
export type EntryRecord =
  | SubnetRecord
  | RouteRecord
  | AddressRecord
  | FragmentRecord
  /** An entry with our protocol number and metric that means nothing to us. */
  | { readonly kind: "unknown"; readonly entry: TableEntry };

/** The entries of a record, in the order in which they are written. */
export function encode(
  record: SubnetRecord | RouteRecord | AddressRecord | OwnerRecord | FragmentRecord,
): readonly TableEntry[] {
  switch (record.kind) {
    case "subnet":
      return [entry("blackhole", record.subnet, [record.revision, record.cursor])];
    case "route": {
      // The whole name of the device stands in the entry (15 characters are four words),
      // so that it is known even while no such device exists.
      const name = packText(record.route.device, NAME_WORDS);
      const payload = record.claimed ? name : [...name, STALE];
      return [entry("unreachable", record.route.destination, payload)];
    }
    case "address": {
      const prefix = hostPrefix(record.address);
      return [entry("prohibit", prefix, ownerKeyWords(record.key))];
    }
    case "owner":
      return partsOf(record.address, record.owner).map(fragmentEntry);
    case "fragment":
      return [fragmentEntry(record)];
    default:
      return record satisfies never;
  }
}

/** The parts of a name. */
export function partsOf(
  address: Ipv4Address,
  owner: Owner,
): readonly FragmentRecord[] {
  const length = Math.ceil(owner.length / PART_LENGTH);
  return Array.from({ length }, (_, part) => ({
    kind: "fragment",
    address,
    part,
    text: owner.slice(part * PART_LENGTH, (part + 1) * PART_LENGTH),
  }));
}

/** Reads an entry of ours back. */
export function decode(found: TableEntry): EntryRecord {
  return decodeKnown(found) ?? { kind: "unknown", entry: found };
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

function entry(
  type: BlackholeType,
  prefix: Ipv4Cidr,
  payload: readonly number[],
  metric = STATE_METRIC,
): TableEntry {
  return { table: STATE_TABLE, type, prefix, metric, payload };
}

function fragmentEntry({ address, part, text }: FragmentRecord): TableEntry {
  const payload = packText(text, PART_LENGTH / 4);
  return entry("prohibit", hostPrefix(address), payload, STATE_METRIC + 1 + part);
}

function decodeKnown(found: TableEntry): EntryRecord | undefined {
  const { metric, payload, prefix, type } = found;
  if (type === "prohibit") return decodeAddress(found);
  if (metric !== STATE_METRIC) return undefined;
  switch (type) {
    case "blackhole": {
      const [revision = 0, cursor = 0] = payload;
      return revision === 0
        ? undefined
        : { kind: "subnet", subnet: prefix, revision, cursor };
    }
    case "unreachable": {
      const name = parseInterfaceName(unpackText(payload.slice(0, NAME_WORDS)));
      if (!name.ok) return undefined;
      const route = { destination: prefix, device: name.value };
      return { kind: "route", route, claimed: payload[NAME_WORDS] !== STALE };
    }
    default:
      return type satisfies never;
  }
}

function decodeAddress(
  { metric, payload, prefix }: TableEntry,
): AddressRecord | FragmentRecord | undefined {
  const address = hostAddress(prefix);
  if (address === undefined || payload.every((word) => word === 0)) return undefined;
  const part = metric - STATE_METRIC - 1;
  return part < 0
    ? { kind: "address", address, key: ownerKey(payload) }
    : { kind: "fragment", address, part, text: unpackText(payload) };
}

/** Enough for the 15 characters of a device's name. */
const NAME_WORDS = 4;

/** What stands behind the name of the device. */
const STALE = 1;

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
