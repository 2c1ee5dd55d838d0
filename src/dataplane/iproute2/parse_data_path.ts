/** Parses the JSON of `ip` about the data path: links, addresses, settings, rules, FDB. */
import { type Ipv4Address, parseAddress } from "../../ipam/address.ts";
import { type Ipv4Cidr, parseCidr } from "../../ipam/cidr.ts";
import type {
  ForwardingEntry,
  InterfaceAddress,
  Link,
  LinkType,
  LookedUp,
  Neighbour,
  NeighbourState,
  Netconf,
  PolicyRule,
} from "../data_path.ts";
import type { Read } from "../dataplane.ts";
import {
  type Decoded,
  decoded,
  deviceName,
  isEmpty,
  isIndex,
  isRecord,
  isTextArray,
  type JsonRecord,
  named,
  NO_NAMES,
  TABLES,
  unreadable,
} from "./records.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";

/** The reads that this file decodes. */
export type DataPathRead = Extract<Read, {
  readonly kind:
    | "links"
    | "addresses"
    | "netconf"
    | "policy-rules"
    | "forwarding-table"
    | "neighbours"
    | "look-up";
}>;

/** Decodes the records that `ip -json -Numeric` wrote for a read. Never throws. */
export function decodeDataPath(
  command: DataPathRead,
  records: readonly unknown[],
): Decoded {
  switch (command.kind) {
    case "links": {
      const { entries, skipped } = parseEach(records, parseLink);
      return decoded({ kind: "links", links: entries }, skipped);
    }
    case "addresses": {
      const listed = records.flatMap(addressesOf);
      const { entries, skipped } = parseEach(listed, parseInterfaceAddress);
      return decoded({ kind: "addresses", addresses: entries }, skipped);
    }
    case "netconf": {
      const { entries, skipped } = parseEach(records, parseNetconf);
      return decoded({ kind: "netconf", settings: entries }, skipped);
    }
    case "policy-rules": {
      const { entries, skipped } = parseEach(records, parseRule);
      return decoded({ kind: "policy-rules", rules: entries }, skipped);
    }
    case "forwarding-table": {
      const { entries, skipped } = parseEach(records, parseForwardingEntry);
      return decoded({ kind: "forwarding-table", entries }, skipped);
    }
    case "neighbours": {
      const { device } = command;
      const parse = (record: JsonRecord) => parseNeighbour(record, device);
      const { entries, skipped } = parseEach(records, parse);
      return decoded({ kind: "neighbours", neighbours: entries }, skipped);
    }
    case "look-up":
      return decodeLookUp(command, records);
    default:
      return command satisfies never;
  }
}

/** An entry; or that it is not a requested one; or that it is unknown. */
type Parsed<Entry> = Entry | "other" | undefined;

/** Skips what cannot be parsed, because that makes the other entries no worse. */
function parseEach<Entry extends object>(
  records: readonly unknown[],
  parse: (record: JsonRecord) => Parsed<Entry>,
): { readonly entries: readonly Entry[]; readonly skipped: readonly JsonRecord[] } {
  const entries: Entry[] = [];
  const skipped: JsonRecord[] = [];
  for (const record of records) {
    if (!isRecord(record)) skipped.push({ entry: record });
    else if (!isEmpty(record)) {
      const entry = parse(record);
      if (entry === undefined) skipped.push(record);
      else if (entry !== "other") entries.push(entry);
    }
  }
  return { entries, skipped };
}

function parseLink(record: JsonRecord): Parsed<Link> {
  const { address, flags, ifindex, ifname, link, linkinfo, master, mtu } = record;
  if (
    typeof ifname !== "string" || !isIndex(ifindex) || !isTextArray(flags) ||
    typeof mtu !== "number"
  ) return undefined;
  const name = deviceName(ifname);
  if (name === undefined) return "other";
  const up = flags.includes("UP");
  return {
    name,
    ifindex,
    up,
    carrier: up && flags.includes("LOWER_UP"),
    mtu,
    mac: typeof address === "string" ? address.toLowerCase() : "",
    master: deviceName(master),
    peer: deviceName(link),
    type: parseLinkType(linkinfo),
  };
}

function parseLinkType(linkinfo: unknown): LinkType {
  if (!isRecord(linkinfo)) return { kind: "other", name: "" };
  const { info_data: options, info_kind: name } = linkinfo;
  if (typeof name !== "string") return { kind: "other", name: "" };
  if (name === "bridge") return { kind: "bridge" };
  if (name !== "vxlan" || !isRecord(options)) return { kind: "other", name };
  const vni = named(options["id"], NO_NAMES, 0);
  const port = named(options["port"], NO_NAMES, 0);
  if (vni === undefined || port === undefined) return { kind: "other", name };
  const local = addressOf(options["local"]);
  const underlay = deviceName(options["link"]);
  return { kind: "vxlan", vxlan: { vni, port, local, underlay } };
}

/** The addresses of one device, each with its name. */
function addressesOf(record: unknown): readonly unknown[] {
  if (!isRecord(record)) return [record];
  const { addr_info: listed, ifname } = record;
  if (!Array.isArray(listed)) return [record];
  return listed.map((one: unknown) =>
    isRecord(one) && !isEmpty(one) ? { ...one, ifname } : one
  );
}

function parseInterfaceAddress(record: JsonRecord): Parsed<InterfaceAddress> {
  const { family, ifname, local, prefixlen: prefixLength } = record;
  if (typeof ifname !== "string") return undefined;
  const device = deviceName(ifname);
  if (device === undefined || (family !== undefined && family !== "inet")) {
    return "other";
  }
  const address = addressOf(local);
  return address === undefined || !isPrefixLength(prefixLength)
    ? undefined
    : { device, address, prefixLength };
}

function parseNetconf(record: JsonRecord): Parsed<Netconf> {
  const { family, forwarding, interface: name, proxy_neigh: proxyArp } = record;
  if (family !== "inet" || name === "default") return "other";
  if (
    typeof name !== "string" || typeof forwarding !== "boolean" ||
    typeof proxyArp !== "boolean"
  ) return undefined;
  const rpFilter = parseRpFilter(record["rp_filter"]);
  if (rpFilter === undefined) return undefined;
  const settings = { forwarding, proxyArp, rpFilter };
  if (name === "all") return { device: undefined, ...settings };
  const device = deviceName(name);
  return device === undefined ? "other" : { device, ...settings };
}

/** The kernel takes every value but 0 and 1 for 2, and `ip` prints it as a number. */
function parseRpFilter(value: unknown): Netconf["rpFilter"] | undefined {
  switch (value) {
    case "off":
    case "strict":
    case "loose":
      return value;
    default:
      return typeof value === "number" ? "loose" : undefined;
  }
}

/** What is no selector, or one that a {@linkcode PolicyRule} has a place for. */
const ORDINARY_MEMBERS = new Set([
  ...["priority", "protocol", "table", "action", "goto", "unresolved", "nop"],
  "flow_to",
  ...["src", "srclen", "dst", "dstlen", "iif", "iif_detached"],
]);

function parseRule(record: JsonRecord): Parsed<PolicyRule> {
  const { iif } = record;
  const priority = named(record["priority"], NO_NAMES, 0);
  const source = parseSelector(record["src"], record["srclen"]);
  const destination = parseSelector(record["dst"], record["dstlen"]);
  const table = parseRuleTable(record);
  if (
    priority === undefined || source === undefined || destination === undefined ||
    table === undefined || (iif !== undefined && typeof iif !== "string")
  ) return undefined;
  return {
    priority,
    source: source === "any" ? undefined : source,
    destination: destination === "any" ? undefined : destination,
    iif,
    isNarrower: Object.keys(record).some((name) => !ORDINARY_MEMBERS.has(name)),
    table: table === "none" ? undefined : table,
  };
}

/** `ip` leaves out the length of a /32, and prints host bits, which the kernel ignores. */
function parseSelector(
  network: unknown,
  length: unknown = 32,
): Ipv4Cidr | "any" | undefined {
  if (network === undefined || network === "all") return "any";
  if (typeof network !== "string" || !isPrefixLength(length)) return undefined;
  const parsed = parseCidr(`${network}/${length}`);
  if (parsed.ok) return parsed.value;
  return parsed.fault.kind === "host-bits" ? parsed.fault.network : undefined;
}

function parseRuleTable(record: JsonRecord): number | "none" | undefined {
  const { action, goto, nop, table } = record;
  const looksUp = table !== undefined && action === undefined && goto === undefined &&
    nop === undefined;
  return looksUp ? named(table, TABLES, 0) : "none";
}

/** Entries of other devices, such as the multicast groups of a bridge, have no host. */
function parseForwardingEntry(record: JsonRecord): Parsed<ForwardingEntry> {
  const { dev, dst, lladdr, updated } = record;
  if (dst === undefined) return "other";
  const updatedSeconds = named(updated, NO_NAMES, 0);
  if (
    typeof dev !== "string" || typeof dst !== "string" || typeof lladdr !== "string" ||
    updatedSeconds === undefined
  ) return undefined;
  const device = deviceName(dev);
  if (device === undefined) return "other";
  return { device, mac: lladdr.toLowerCase(), host: addressOf(dst), updatedSeconds };
}

/** `ip` leaves out the requested device. */
function parseNeighbour(record: JsonRecord, device: InterfaceName): Parsed<Neighbour> {
  const { dst, lladdr, state: states } = record;
  if (typeof dst !== "string") return undefined;
  const address = addressOf(dst);
  if (address === undefined) return dst.includes(":") ? "other" : undefined;
  const names: readonly unknown[] = states === undefined
    ? ["NONE"]
    : Array.isArray(states)
    ? states
    : [];
  const state = neighbourState(names[0]);
  const mac = typeof lladdr === "string" ? lladdr.toLowerCase() : "";
  return state === undefined ? undefined : { device, address, mac, state };
}

/** The state that `ip` prints in capitals; undefined for any other text. */
export function neighbourState(text: unknown): NeighbourState | undefined {
  return STATES.find((state) => state.toUpperCase() === text);
}

const STATES: readonly NeighbourState[] = [
  "incomplete",
  "reachable",
  "stale",
  "delay",
  "probe",
  "failed",
  "noarp",
  "permanent",
  "none",
];

function decodeLookUp(
  { address, from }: Extract<DataPathRead, { readonly kind: "look-up" }>,
  records: readonly unknown[],
): Decoded {
  const [record, ...others] = records;
  if (!isRecord(record) || others.length > 0) {
    return unreadable("ip answered about no address");
  }
  if (record["dst"] !== address || record["from"] !== from?.source) {
    return unreadable("ip answered about another address");
  }
  const result = parseLookedUp(record);
  return result === undefined
    ? unreadable("ip answered without a device")
    : decoded({ kind: "look-up", result });
}

/** rtnetlink(7) `rtm_type`: a broadcast reaches this node as well. */
const LOCAL_TYPES: readonly unknown[] = ["2", "local", "3", "broadcast"];

function parseLookedUp({ dev, gateway, type }: JsonRecord): LookedUp | undefined {
  if (LOCAL_TYPES.includes(type)) return { kind: "local" };
  if (typeof dev !== "string") return undefined;
  const device = deviceName(dev);
  return device === undefined
    ? {
      kind: "refused",
      why: "the route leads through a device whose name no command may have",
    }
    : { kind: "through", device, gateway: addressOf(gateway) };
}

function addressOf(value: unknown): Ipv4Address | undefined {
  if (typeof value !== "string") return undefined;
  const parsed = parseAddress(value);
  return parsed.ok ? parsed.value : undefined;
}

function isPrefixLength(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 &&
    value <= 32;
}
