/** Parses the JSON of `ip`, command by command. */
import { firstAddress } from "../../ipam/address.ts";
import { contains, hostPrefix, type Ipv4Cidr, parseCidr } from "../../ipam/cidr.ts";
import {
  type KernelRoute,
  type LinkState,
  OUR_PROTOCOL,
  PROTOCOL,
  TABLE_MAIN,
  UNICAST,
} from "../../routing/kernel_route.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import { LEAST_MTU } from "../data_path.ts";
import type { Read, TableRoute } from "../dataplane.ts";
import { decodeDataPath } from "./parse_data_path.ts";
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
  type Names,
  NO_NAMES,
  NOT_JSON,
  parseRecords,
  TABLES,
  unreadable,
  visitRecords,
} from "./records.ts";

/**
 * Decodes the line that `ip -json -Numeric` wrote for a read, and checks it against the
 * command: the device's name, the destination. Never throws.
 */
export function decode(command: Read, line: string): Decoded {
  switch (command.kind) {
    case "own-routes":
      return decodeEntries(line, { protocol: OUR_PROTOCOL, table: TABLE_MAIN });
    case "table-routes": {
      const { table } = command;
      return decodeEntries(line, { protocol: PROTOCOL.boot, table });
    }
    case "exact-routes": {
      const { destination } = command;
      return decodeRoutes(line, (found) => found === destination);
    }
    case "routes-within":
      return decodeRoutes(line, (found) => contains(command.cluster, found));
  }
  const records = parseRecords(line);
  if (records === undefined) return NOT_JSON;
  switch (command.kind) {
    case "link":
      return decodeLink(command.device, records);
    case "link-names":
      return decodeLinkNames(records);
    case "best-route":
      return decodeBest(command.destination, records);
    case "links":
    case "addresses":
    case "netconf":
    case "policy-rules":
    case "forwarding-table":
    case "neighbours":
    case "look-up":
      return decodeDataPath(command, records);
    case "rules":
      return decodeRules(records);
    case "permission":
      return unreadable("ip answered a command that must fail");
    default:
      return command satisfies never;
  }
}

/**
 * Parses a destination as `ip` prints it: a CIDR, an address without a prefix length
 * (a /32) or `default` (0.0.0.0/0). Undefined for anything else, such as an IPv6 prefix.
 */
export function parseDestination(dst: string): Ipv4Cidr | undefined {
  const text = dst === "default" ? "0.0.0.0/0" : dst.includes("/") ? dst : `${dst}/32`;
  const parsed = parseCidr(text);
  return parsed.ok ? parsed.value : undefined;
}

const ANOTHER_DEVICE = "ip answered about another device";

/** The kernel also accepts an altname, but shows routes by the device's first name. */
function decodeLink(device: InterfaceName, records: readonly unknown[]): Decoded {
  const [record, ...others] = records;
  if (!isRecord(record) || others.length > 0) return unreadable(ANOTHER_DEVICE);
  // `ip` filtered the answer out, because the device has not the index that `ip` knows.
  if (isEmpty(record)) return unreadable("a device has a new index");
  const { altnames, flags, ifindex, ifname, mtu } = record;
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
    ...(up && typeof mtu === "number" && mtu < LEAST_MTU ? { withoutIpv4: true } : {}),
  };
  return decoded({ kind: "link", link, ifindex });
}

function decodeLinkNames(records: readonly unknown[]): Decoded {
  const names = new Set<string>();
  for (const record of records) {
    const name = isRecord(record) ? record["ifname"] : undefined;
    if (typeof name === "string") names.add(name);
  }
  return decoded({ kind: "link-names", names });
}

function decodeBest(destination: Ipv4Cidr, records: readonly unknown[]): Decoded {
  const [record, ...others] = records;
  const found = isRecord(record) ? destinationOf(record) : undefined;
  if (!isRecord(record) || others.length > 0 || found === undefined) {
    return unreadable("ip answered about no destination");
  }
  if (!contains(found, hostPrefix(firstAddress(destination)))) {
    return unreadable("ip answered about another destination");
  }
  return decoded({ kind: "best-route", route: parseRoute(record, found, UNFILTERED) });
}

/** The members that a filtered `route show` leaves out. */
interface Assumed {
  readonly protocol: number;
  readonly table: number;
}

const UNFILTERED: Assumed = { protocol: PROTOCOL.boot, table: TABLE_MAIN };

function decodeRoutes(
  line: string,
  belongs: (destination: Ipv4Cidr) => boolean,
): Decoded {
  const entries = parseEntries(line, UNFILTERED);
  if (entries === undefined) return NOT_JSON;
  const routes = entries.entries.map(({ route }) => route);
  return routes.every(({ destination }) => belongs(destination))
    ? decoded({ kind: "routes", routes }, entries.skipped)
    : unreadable("ip answered about other routes");
}

function decodeEntries(line: string, assumed: Assumed): Decoded {
  const entries = parseEntries(line, assumed);
  return entries === undefined
    ? NOT_JSON
    : decoded({ kind: "table", routes: entries.entries }, entries.skipped);
}

interface Entries {
  readonly entries: readonly TableRoute[];
  readonly skipped: readonly JsonRecord[];
}

/** Skips an entry that cannot be parsed, because that makes the others no worse. */
function parseEntries(line: string, assumed: Assumed): Entries | undefined {
  const entries: TableRoute[] = [];
  const skipped: JsonRecord[] = [];
  // Most entries have the payload of the one before: 10 MB less for 65,000 routes.
  let payload = NO_PAYLOAD;
  const isArray = visitRecords(line, (record) => {
    if (!isRecord(record)) skipped.push({ entry: record });
    else if (!isEmpty(record) && !isOfIpv6(record)) {
      const destination = destinationOf(record);
      const route = destination === undefined
        ? undefined
        : parseRoute(record, destination, assumed);
      if (route === undefined) skipped.push(record);
      else {
        payload = parsePayload(record, payload);
        entries.push({ route, payload });
      }
    }
  });
  return isArray ? { entries, skipped } : undefined;
}

function isOfIpv6({ dst }: JsonRecord): boolean {
  return typeof dst === "string" && dst.includes(":");
}

function destinationOf({ dst }: JsonRecord): Ipv4Cidr | undefined {
  return typeof dst === "string" ? parseDestination(dst) : undefined;
}

/** Undefined if a member has a value of an unknown meaning, instead of a guess. */
function parseRoute(
  record: JsonRecord,
  destination: Ipv4Cidr,
  assumed: Assumed,
): KernelRoute | undefined {
  // `ip` leaves out defaults, and what the command filters by.
  const protocol = named(record["protocol"], PROTOCOLS, assumed.protocol);
  const table = named(record["table"], TABLES, assumed.table);
  const type = named(record["type"], TYPES, UNICAST);
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
    // A route through a nexthop object cannot be deleted by its device: "No such process".
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

const NO_PAYLOAD: readonly number[] = PAYLOAD_FIELDS.map(() => 0);

/** Returns `previous` itself if the payload is the same. */
function parsePayload(
  { metrics: listed }: JsonRecord,
  previous: readonly number[],
): readonly number[] {
  if (!Array.isArray(listed)) return NO_PAYLOAD;
  const metrics: unknown = listed[0];
  if (!isRecord(metrics)) return NO_PAYLOAD;
  const numberOf = (field: string): number => named(metrics[field], NO_NAMES, 0) ?? 0;
  return PAYLOAD_FIELDS.every((field, at) => numberOf(field) === previous[at])
    ? previous
    : PAYLOAD_FIELDS.map(numberOf);
}

/**
 * A FIB look-up can find every route of the main table, unless a rule answers by itself
 * (`unreachable`, `blackhole`, `prohibit`), jumps or suppresses prefixes, or no rule
 * looks into the main table.
 */
function decodeRules(records: readonly unknown[]): Decoded {
  const rules = records.filter((rule) => !(isRecord(rule) && isEmpty(rule)));
  const lookups = rules.every((rule) => isRecord(rule) && looksUp(rule));
  const hiding = !lookups || !rules.some((rule) => isRecord(rule) && leadsToMain(rule));
  return decoded({ kind: "rules", hiding });
}

function looksUp(rule: JsonRecord): boolean {
  const suppressed = rule["suppress_prefixlen"] ?? rule["suppress_prefixlength"] ?? 0;
  return rule["table"] !== undefined && rule["action"] === undefined &&
    rule["goto"] === undefined && rule["nop"] === undefined &&
    // 0 suppresses the default route alone, as wg-quick does.
    suppressed === 0 && rule["suppress_ifgroup"] === undefined;
}

/** The members that a rule for every packet may have. */
const MEMBERS_OF_ANY_PACKET = new Set(["priority", "src", "table", "protocol"]);

function leadsToMain(rule: JsonRecord): boolean {
  return named(rule["table"], TABLES, 0) === TABLE_MAIN && rule["src"] === "all" &&
    Object.keys(rule).every((name) => MEMBERS_OF_ANY_PACKET.has(name));
}

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
