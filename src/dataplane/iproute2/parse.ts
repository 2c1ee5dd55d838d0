import { firstAddress } from "../../ipam/address.ts";
import {
  cidrFromKernel,
  contains,
  hostPrefix,
  type Ipv4Cidr,
} from "../../ipam/cidr.ts";
import {
  type KernelRoute,
  type LinkState,
  OUR_PROTOCOL,
  PROTOCOL,
  TABLE_MAIN,
} from "../../routing/kernel_route.ts";
import {
  type InterfaceName,
  parseInterfaceName,
} from "../../routing/interface_name.ts";
import type { Answer, Read, TableRoute } from "../dataplane.ts";
import { isRecord, type JsonRecord, readDocument } from "./document.ts";

/** A document as its command's answer. */
export type Decoded =
  | {
    readonly kind: "decoded";
    readonly answer: Answer;
    /** Entries of a dump that were passed over, because they cannot be read. */
    readonly odd: readonly JsonRecord[];
  }
  /** No document, or not this command's: the process is not to be trusted. */
  | { readonly kind: "unreadable"; readonly why: string };

/**
 * Decodes the line that `ip -json -Numeric` wrote for a read: the one place where it is
 * believed. What must not be mixed up is checked against the question: a device's name, a
 * destination. Never throws.
 */
export function decode(command: Read, line: string): Decoded {
  const document = readDocument(line);
  if (document === undefined) return unreadable("ip wrote something that is no JSON");
  switch (command.kind) {
    case "link":
      return decodeLink(command.device, document);
    case "bridge":
      return decodeBridge(command.device, document);
    case "link-names":
      return decodeLinkNames(document);
    case "best-route":
      return decodeBest(command.destination, document);
    case "exact-routes": {
      const { destination } = command;
      return decodeRoutes(document, (found) => found === destination);
    }
    case "routes-within":
      return decodeRoutes(document, (found) => contains(command.cluster, found));
    case "own-routes":
      return decodeEntries(document, { protocol: OUR_PROTOCOL, table: TABLE_MAIN });
    case "table-routes": {
      const { table } = command;
      return decodeEntries(document, { protocol: PROTOCOL.boot, table });
    }
    case "forwarding-entries":
      return decodePeers(document);
    case "rules":
      return decodeRules(document);
    case "permission":
      return unreadable("ip answered what it had to refuse");
    default:
      return command satisfies never;
  }
}

function unreadable(why: string): Decoded {
  return { kind: "unreadable", why };
}

function decoded(answer: Answer, odd: readonly JsonRecord[] = []): Decoded {
  return { kind: "decoded", answer, odd };
}

const ANOTHER_DEVICE = "ip answered about another device";

/** The kernel takes an altname as well, but routes are shown by the device's one name. */
function decodeLink(device: InterfaceName, document: readonly unknown[]): Decoded {
  const [record, ...others] = document;
  if (!isRecord(record) || others.length > 0) return unreadable(ANOTHER_DEVICE);
  // What `ip` filters out of an answer: the device has another index than `ip` knows.
  if (isEmpty(record)) return unreadable("a device has a new index");
  const { altnames, flags, ifindex, ifname, master, mtu } = record;
  if (!isIndex(ifindex) || !isTextArray(flags)) {
    return unreadable("ip wrote a device that cannot be read");
  }
  if (ifname !== device) {
    return isTextArray(altnames) && altnames.includes(device)
      ? decoded({ kind: "link", link: { kind: "missing" }, ifindex })
      : unreadable(ANOTHER_DEVICE);
  }
  const up = flags.includes("UP");
  const link: LinkState = {
    kind: "present",
    ifindex,
    up,
    master: deviceName(master),
    ...(up && typeof mtu === "number" && mtu < LEAST_MTU ? { withoutIpv4: true } : {}),
  };
  return decoded({ kind: "link", link, ifindex });
}

/** RFC 791: with less a device has no IPv4, and the kernel no such device for a route. */
const LEAST_MTU = 68;

function decodeBridge(device: InterfaceName, document: readonly unknown[]): Decoded {
  const devices = document.filter((record) => !(isRecord(record) && isEmpty(record)));
  const isOther = devices.some((record) =>
    !isRecord(record) || record["ifname"] !== device
  );
  return isOther || devices.length > 1
    ? unreadable(ANOTHER_DEVICE)
    : decoded({ kind: "bridge", isBridge: devices.length === 1 });
}

function decodeLinkNames(document: readonly unknown[]): Decoded {
  const names = new Set<string>();
  for (const record of document) {
    const name = isRecord(record) ? record["ifname"] : undefined;
    if (typeof name === "string") names.add(name);
  }
  return decoded({ kind: "link-names", names });
}

function decodeBest(destination: Ipv4Cidr, document: readonly unknown[]): Decoded {
  const [record, ...others] = document;
  const found = isRecord(record) ? destinationOf(record) : undefined;
  if (!isRecord(record) || others.length > 0 || found === undefined) {
    return unreadable("ip answered about no destination");
  }
  if (!contains(found, hostPrefix(firstAddress(destination)))) {
    return unreadable("ip answered about another destination");
  }
  return decoded({ kind: "best-route", route: readRoute(record, found, UNFILTERED) });
}

/** What a filtered `route show` leaves out, because it was asked for. */
interface Assumed {
  readonly protocol: number;
  readonly table: number;
}

const UNFILTERED: Assumed = { protocol: PROTOCOL.boot, table: TABLE_MAIN };

function decodeRoutes(
  document: readonly unknown[],
  belongs: (destination: Ipv4Cidr) => boolean,
): Decoded {
  const { entries, odd } = readEntries(document, UNFILTERED);
  const routes = entries.map(({ route }) => route);
  return routes.every(({ destination }) => belongs(destination))
    ? decoded({ kind: "routes", routes }, odd)
    : unreadable("ip answered about other routes");
}

function decodeEntries(document: readonly unknown[], assumed: Assumed): Decoded {
  const { entries, odd } = readEntries(document, assumed);
  return decoded({ kind: "table", routes: entries }, odd);
}

interface ReadEntries {
  readonly entries: readonly TableRoute[];
  readonly odd: readonly JsonRecord[];
}

/** One odd entry makes the others no worse: it is passed over. */
function readEntries(document: readonly unknown[], assumed: Assumed): ReadEntries {
  const entries: TableRoute[] = [];
  const odd: JsonRecord[] = [];
  for (const record of document) {
    if (!isRecord(record)) odd.push({ entry: record });
    else if (!isEmpty(record) && !isOfIpv6(record)) {
      const entry = readEntry(record, assumed);
      if (entry === undefined) odd.push(record);
      else entries.push(entry);
    }
  }
  return { entries, odd };
}

function readEntry(record: JsonRecord, assumed: Assumed): TableRoute | undefined {
  const destination = destinationOf(record);
  if (destination === undefined) return undefined;
  const route = readRoute(record, destination, assumed);
  return route === undefined ? undefined : { route, payload: readPayload(record) };
}

function isOfIpv6({ dst }: JsonRecord): boolean {
  return typeof dst === "string" && dst.includes(":");
}

function destinationOf({ dst }: JsonRecord): Ipv4Cidr | undefined {
  return typeof dst === "string" ? cidrFromKernel(dst) : undefined;
}

/** Undefined if a member has a value that tells nothing: it is not taken for another. */
function readRoute(
  record: JsonRecord,
  destination: Ipv4Cidr,
  assumed: Assumed,
): KernelRoute | undefined {
  // `ip` leaves out what is the default or was asked for.
  const protocol = named(record["protocol"], PROTOCOLS, assumed.protocol);
  const table = named(record["table"], TABLES, assumed.table);
  const type = named(record["type"], TYPES, 1);
  const metric = named(record["metric"], NO_NAMES, 0);
  const tos = named(record["tos"], NO_NAMES, 0);
  const { dev } = record;
  if (
    protocol === undefined || table === undefined || type === undefined ||
    metric === undefined || tos === undefined ||
    (dev !== undefined && typeof dev !== "string")
  ) return undefined;
  return {
    destination,
    // What goes through a nexthop object can be deleted by no device: "No such process".
    device: record["nhid"] === undefined ? deviceName(dev) : undefined,
    gateway: record["gateway"] !== undefined || record["via"] !== undefined,
    protocol,
    metric,
    tos,
    type,
    table,
  };
}

const PAYLOAD_FIELDS = [
  "window",
  "ssthresh",
  "cwnd",
  "reordering",
  "initcwnd",
  "initrwnd",
];

function readPayload(record: JsonRecord): readonly number[] {
  const listed = record["metrics"];
  if (!Array.isArray(listed)) return NO_PAYLOAD;
  const metrics: unknown = listed[0];
  return PAYLOAD_FIELDS.map((field) =>
    isRecord(metrics) ? named(metrics[field], NO_NAMES, 0) ?? 0 : 0
  );
}

const NO_PAYLOAD: readonly number[] = PAYLOAD_FIELDS.map(() => 0);

const ANY_ADDRESS = "00:00:00:00:00:00";

/** `ip -family bridge -json neigh show`: one all-zero entry for each peer of a VXLAN. */
function decodePeers(document: readonly unknown[]): Decoded {
  const peers = new Map<InterfaceName, number>();
  for (const entry of document) {
    if (!isRecord(entry)) continue;
    const device = deviceName(entry["dev"]);
    const isPeer = entry["lladdr"] === ANY_ADDRESS && typeof entry["dst"] === "string";
    if (device !== undefined && isPeer) peers.set(device, (peers.get(device) ?? 0) + 1);
  }
  return decoded({ kind: "peers", peers });
}

/**
 * A look-up meets every route of the main table, or one of a table in front of it that
 * says so, unless a rule answers by itself (`unreachable`, `blackhole`, `prohibit`), jumps,
 * suppresses prefixes, or none leads to the main table at all.
 */
function decodeRules(document: readonly unknown[]): Decoded {
  const rules = document.filter((rule) => !(isRecord(rule) && isEmpty(rule)));
  const lookups = rules.every((rule) => isRecord(rule) && looksUp(rule));
  const hiding = !lookups || !rules.some((rule) => isRecord(rule) && leadsToMain(rule));
  return decoded({ kind: "rules", hiding });
}

function looksUp(rule: JsonRecord): boolean {
  const suppressed = rule["suppress_prefixlen"] ?? rule["suppress_prefixlength"] ?? 0;
  return rule["table"] !== undefined && rule["action"] === undefined &&
    rule["goto"] === undefined && rule["nop"] === undefined &&
    // 0 suppresses the default route alone, as wg-quick has it.
    suppressed === 0 && rule["suppress_ifgroup"] === undefined;
}

/** The names of what a rule that holds for every packet may have. */
const OF_ANY_PACKET = new Set(["priority", "src", "table", "protocol"]);

function leadsToMain(rule: JsonRecord): boolean {
  return named(rule["table"], TABLES, 0) === TABLE_MAIN && rule["src"] === "all" &&
    Object.keys(rule).every((name) => OF_ANY_PACKET.has(name));
}

function isEmpty(record: JsonRecord): boolean {
  return Object.keys(record).length === 0;
}

function isIndex(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}

function isTextArray(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function deviceName(value: unknown): InterfaceName | undefined {
  if (typeof value !== "string") return undefined;
  const checked = parseInterfaceName(value);
  return checked.ok ? checked.value : undefined;
}

type Names = Readonly<Record<string, number>>;

const NO_NAMES: Names = {};
const PROTOCOLS: Names = {
  unspec: 0,
  redirect: 1,
  kernel: PROTOCOL.kernel,
  boot: PROTOCOL.boot,
  static: PROTOCOL.static,
  ra: 9,
  mrt: 10,
  zebra: 11,
  bird: 12,
  dhcp: 16,
  bgp: 186,
  isis: 187,
  ospf: 188,
  rip: 189,
  eigrp: 192,
};
const TABLES: Names = { default: 253, main: TABLE_MAIN, local: 255 };
const TYPES: Names = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
  nat: 10,
};

/**
 * `-Numeric` prints numbers as decimal or hexadecimal text, metrics as JSON numbers; a
 * version that prints some by name means the same.
 *
 * @returns undefined for what is no such number
 */
function named(value: unknown, names: Names, absent: number): number | undefined {
  if (value === undefined) return absent;
  if (typeof value === "number") return within32(value);
  if (typeof value !== "string") return undefined;
  if (/^(?:[0-9]+|0x[0-9a-f]+)$/i.test(value)) return within32(Number(value));
  return Object.hasOwn(names, value) ? names[value] : undefined;
}

function within32(number: number): number | undefined {
  return Number.isInteger(number) && number >= 0 && number < 2 ** 32
    ? number
    : undefined;
}
