import { addressToNumber, parseAddress } from "../../ipam/address.ts";
import { parseInterfaceName } from "../../routing/interface_name.ts";
import { type DataPathEvent, FLOOD_MAC, type Neighbour } from "../data_path.ts";
import type { KernelWatch } from "../dataplane.ts";
import { MonitorProcess } from "./monitor_process.ts";
import { neighbourState } from "./parse_data_path.ts";

/**
 * Without a family, because the forwarding database has another one than IPv4. Statistics
 * alone tell an entry of it from a neighbour: only a neighbour has `probes`.
 */
const WORDS = [
  ...["-Numeric", "-oneline", "-statistics", "monitor"],
  ...["address", "neigh", "netconf", "rule", "link"],
];

const CHANGED: DataPathEvent = { kind: "changed" };

/**
 * Reports changes of what carries packets by `ip monitor`. If events were lost, or it was
 * started again, anything may have changed.
 *
 * @param onWarning called with what `ip` writes to stderr that loses no events
 */
export function watchDataPath(
  listener: (event: DataPathEvent) => void,
  onWarning: (warning: string) => void = () => {},
): KernelWatch {
  return new MonitorProcess({
    words: WORDS,
    onLine: (line) => {
      const event = parseDataPathEvent(line);
      if (event !== undefined) listener(event);
    },
    onLost: () => listener(CHANGED),
    onDown: () => {},
    onUp: () => listener(CHANGED),
    onWarning,
  });
}

/** How the lines of a device, an IPv4 address and an IPv4 setting begin. */
const DEVICE = /^\d+: \S+[:@]/;
const ADDRESS = /^\d+: \S+ +inet /;
const NETCONF = /^inet \S/;
/** A rule has the family of its addresses; one without an address may be of IPv6 too. */
const RULE = /^\d+:\t[^:]*$/;
const CHANGES = [DEVICE, ADDRESS, NETCONF, RULE];

/** An entry of a neighbour table or of a forwarding database. */
const ENTRY = /^(\S+) dev (\S+)(?: lladdr (\S+))?(?: (.*))?$/;

/**
 * Parses one line of `ip monitor`. Never throws.
 *
 * @returns undefined for an event of IPv6, of a bridge's database, or of multicast
 */
export function parseDataPathEvent(line: string): DataPathEvent | undefined {
  const deleted = line.startsWith(DELETED);
  const text = deleted ? line.slice(DELETED.length) : line;
  if (CHANGES.some((change) => change.test(text))) return CHANGED;
  const [, host = "", device = "", mac = "", rest = ""] = ENTRY.exec(text) ?? [];
  if (!/probes \d/.test(rest)) return isForwarding(host, mac) ? CHANGED : undefined;
  const neighbour = parseNeighbour({ host, device, mac, rest });
  return neighbour === undefined
    ? undefined
    : { kind: "neighbour", neighbour, deleted };
}

/**
 * Also for what a device has learned: a peer that answers from another MAC than before
 * was made anew.
 */
function isForwarding(host: string, mac: string): boolean {
  return mac === FLOOD_MAC || mac !== "" && parseAddress(host).ok;
}

const DELETED = "Deleted ";

/** The words of an entry. */
interface EntryWords {
  readonly host: string;
  readonly device: string;
  /** Empty while it is not known. */
  readonly mac: string;
  /** Counters, the state and the protocol. */
  readonly rest: string;
}

/** Undefined for IPv6, for multicast, and for a device that no command may name. */
function parseNeighbour(words: EntryWords): Neighbour | undefined {
  const address = parseAddress(words.host);
  const device = parseInterfaceName(words.device);
  if (!address.ok || !device.ok || addressToNumber(address.value) >= FIRST_MULTICAST) {
    return undefined;
  }
  const states = words.rest.split(" ").map(neighbourState);
  const state = states.find((one) => one !== undefined) ?? "none";
  return { device: device.value, address: address.value, mac: words.mac, state };
}

/** 224.0.0.0; behind 239.255.255.255 there is no host either (RFC 6890). */
const FIRST_MULTICAST = 0xe000_0000;
