import { cidrFromKernel, type Ipv4Cidr } from "../ipam/cidr.ts";
import {
  type FoundRoute,
  type LinkState,
  PROTOCOL,
  TABLE_MAIN,
} from "../routes/found_route.ts";
import { checkInterfaceName, type InterfaceName } from "../routes/interface_name.ts";
import {
  LAST_STATE_METRIC,
  STATE_METRIC,
  type StateEntry,
  type StateType,
} from "../routes/memory.ts";

/** A device with its name, as a dump lists it. */
export interface NamedLink {
  readonly name: InterfaceName;
  readonly state: LinkState;
}

/** An entry of a table with what only table 142 needs. */
export interface TableEntry {
  readonly route: FoundRoute;
  readonly state: StateEntry | undefined;
}

/**
 * Decodes `ip -json -Numeric link show`: the one place where its JSON is believed.
 *
 * @throws {SyntaxError} if the text is not JSON: then the process is not to be trusted.
 */
export function decodeLinks(document: string): readonly NamedLink[] {
  return records(document).flatMap((link) => {
    const name = deviceName(link["ifname"]);
    const ifindex = link["ifindex"];
    const flags = link["flags"];
    if (name === undefined || typeof ifindex !== "number" || !Array.isArray(flags)) {
      return [];
    }
    const master = deviceName(link["master"]);
    return [{
      name,
      state: { kind: "present", ifindex, up: flags.includes("UP"), master },
    }];
  });
}

/** What a filtered `route show` leaves out, because it was asked for. */
export interface Assumed {
  readonly protocol: number;
  readonly table: number;
}

const UNFILTERED: Assumed = { protocol: PROTOCOL.boot, table: TABLE_MAIN };

/**
 * Decodes `ip -json -Numeric route show|get`. Routes whose destination is no IPv4
 * prefix are passed over: they are nobody's business here.
 *
 * @throws {SyntaxError} if the text is not JSON.
 */
export function decodeRoutes(
  document: string,
  assumed: Assumed = UNFILTERED,
): readonly TableEntry[] {
  return records(document).flatMap((record) => {
    const dst = record["dst"];
    const destination = typeof dst === "string" ? cidrFromKernel(dst) : undefined;
    if (destination === undefined) return [];
    return [{
      route: decodeRoute(record, destination, assumed),
      state: decodeState(record, destination),
    }];
  });
}

function decodeRoute(
  record: Readonly<Record<string, unknown>>,
  destination: Ipv4Cidr,
  assumed: Assumed,
): FoundRoute {
  return {
    destination,
    // What goes through a nexthop object can be deleted by no device: "No such process".
    device: record["nhid"] === undefined ? deviceName(record["dev"]) : undefined,
    gateway: record["gateway"] !== undefined || record["via"] !== undefined,
    // `ip` leaves out what is the default or was asked for.
    protocol: numeric(record["protocol"], assumed.protocol),
    metric: numeric(record["metric"], 0),
    tos: numeric(record["tos"], 0),
    type: numeric(record["type"], 1),
    table: numeric(record["table"], assumed.table),
  };
}

const STATE_TYPES: ReadonlyMap<number, StateType> = new Map([
  [6, "blackhole"],
  [7, "unreachable"],
  [8, "prohibit"],
]);

const PAYLOAD_FIELDS = [
  "window",
  "ssthresh",
  "cwnd",
  "reordering",
  "initcwnd",
  "initrwnd",
];

function decodeState(
  record: Readonly<Record<string, unknown>>,
  prefix: Ipv4Cidr,
): StateEntry | undefined {
  const type = STATE_TYPES.get(numeric(record["type"], 1));
  const metric = numeric(record["metric"], 0);
  if (type === undefined) return undefined;
  if (metric < STATE_METRIC || metric > LAST_STATE_METRIC) return undefined;
  const listed = record["metrics"];
  const metrics: unknown = Array.isArray(listed) ? listed[0] : undefined;
  const payload = PAYLOAD_FIELDS.map((field) =>
    isRecord(metrics) ? numeric(metrics[field], 0) : 0
  );
  return { type, prefix, metric, payload };
}

const ANY_ADDRESS = "00:00:00:00:00:00";

/**
 * Decodes `ip -family bridge -json neigh show`: how many hosts each VXLAN device sends
 * to what it has no entry for, which is one all-zero entry for each peer.
 *
 * @throws {SyntaxError} if the text is not JSON.
 */
export function decodePeers(document: string): ReadonlyMap<InterfaceName, number> {
  const peers = new Map<InterfaceName, number>();
  for (const entry of records(document)) {
    const device = deviceName(entry["dev"]);
    const isPeer = entry["lladdr"] === ANY_ADDRESS && typeof entry["dst"] === "string";
    if (device !== undefined && isPeer) peers.set(device, (peers.get(device) ?? 0) + 1);
  }
  return peers;
}

function records(document: string): readonly Readonly<Record<string, unknown>>[] {
  const parsed: unknown = JSON.parse(document);
  return Array.isArray(parsed) ? parsed.filter(isRecord) : [];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function deviceName(value: unknown): InterfaceName | undefined {
  if (typeof value !== "string") return undefined;
  const checked = checkInterfaceName(value);
  return checked.ok ? checked.value : undefined;
}

/** `-Numeric` prints numbers as decimal or hexadecimal text, metrics as JSON numbers. */
function numeric(value: unknown, absent: number): number {
  const number = typeof value === "string" ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : absent;
}
