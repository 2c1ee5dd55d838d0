import {
  FLOOD_MAC,
  type ForwardingEntry,
  type Neighbour,
} from "../../dataplane/data_path.ts";
import type { Ipv4Address } from "../../ipam/address.ts";
import { hostPrefix } from "../../ipam/cidr.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import { countOf } from "../../shared/quote.ts";
import type { Facts, WantedRoute } from "../facts.ts";
import { isInCluster } from "../facts/addresses.ts";
import { peersOf, routedOverlays } from "../facts/overlay.ts";
import { indexWanted } from "../facts/wanted.ts";
import type { Finding } from "../finding.ts";

/**
 * Neighbours of the overlay that have a new MAC address.
 *
 * A peer sends every packet with the MAC address of its own overlay device, whatever
 * container it is from. If that device is made anew, it has another one. The forwarding
 * database learns it from the first frame and keeps the old one for 300 s; the neighbour
 * entries of the peer's containers keep the old one until the kernel asks again.
 */
export function neighbourChecks(facts: Facts): readonly Finding[] {
  if (facts.neighbours.length === 0) return [];
  const tables = new Map(
    routedOverlays(facts).map(({ name }) => [
      name,
      readTable(facts, name),
    ]),
  );
  const suspects = facts.neighbours.flatMap((neighbour) => {
    const table = tables.get(neighbour.device);
    const now = table === undefined ? undefined : newMac(table, neighbour);
    return now === undefined ? [] : [{ neighbour, now }];
  });
  if (suspects.length === 0) return [];
  const ofHosts = macsOfHosts(facts);
  const stale = suspects.filter(({ neighbour, now }) =>
    now.mac === undefined || ofHosts.has(neighbour.mac) || ofHosts.has(now.mac)
  );
  const wantedFor = indexWanted(facts.wanted);
  const byRoute = Map.groupBy(
    stale,
    ({ neighbour }) => wantedFor(hostPrefix(neighbour.address)),
  );
  return [...byRoute].flatMap(([wanted, entries]) =>
    wanted === undefined ? [] : describe(wanted, entries)
  );
}

/** What is known of the MAC addresses behind a VXLAN device. */
interface Table {
  /** The newest entry of each MAC address. */
  readonly byMac: ReadonlyMap<string, ForwardingEntry>;
  /** The newest entry of each host. */
  readonly byHost: ReadonlyMap<Ipv4Address, ForwardingEntry>;
  /** The MAC address from which each host asked by ARP the last time. */
  readonly asking: ReadonlyMap<Ipv4Address, string>;
  /** Whether it has learned a MAC address of every peer. */
  readonly isComplete: boolean;
}

function readTable(facts: Facts, device: InterfaceName): Table {
  const byMac = new Map<string, ForwardingEntry>();
  const byHost = new Map<Ipv4Address, ForwardingEntry>();
  for (const entry of facts.forwarding) {
    const { host, mac } = entry;
    if (entry.device !== device || host === undefined || mac === FLOOD_MAC) continue;
    keepNewer(byMac, mac, entry);
    keepNewer(byHost, host, entry);
  }
  const peers = peersOf(facts, device);
  const isComplete = peers.length > 0 && peers.every((host) => byHost.has(host));
  const asking = new Map(
    facts.neighbours.filter((each) => each.device === device && each.mac !== "")
      .map(({ address, mac }) => [address, mac]),
  );
  return { byMac, byHost, asking, isComplete };
}

function keepNewer<Key>(
  entries: Map<Key, ForwardingEntry>,
  key: Key,
  entry: ForwardingEntry,
): void {
  const known = entries.get(key);
  if (known === undefined || entry.updatedSeconds < known.updatedSeconds) {
    entries.set(key, entry);
  }
}

/** The new MAC address and its host, if they are known. */
interface NewMac {
  readonly host: Ipv4Address | undefined;
  readonly mac: string | undefined;
}

/** Undefined if the neighbour's MAC address may be right. */
function newMac(table: Table, { mac, state }: Neighbour): NewMac | undefined {
  if (mac === "" || !isUsed(state)) return undefined;
  const learned = table.byMac.get(mac);
  if (learned?.host !== undefined) {
    const newer = newerOf(table, learned.host, learned);
    return newer === undefined ? undefined : { host: newer.host, mac: newer.mac };
  }
  // If the FDB has another MAC address for every peer, no peer has this one. An unused
  // (stale) entry proves nothing, because the FDB has deleted what it had learned then.
  return table.isComplete && state !== "stale"
    ? { host: undefined, mac: undefined }
    : undefined;
}

/**
 * The newer entry of a host, if there is one. The kernel reports whole seconds: of two MAC
 * addresses of the same second, the newer one is that from which the host sends ARP requests.
 */
function newerOf(
  { asking, byHost, byMac }: Table,
  host: Ipv4Address,
  learned: ForwardingEntry,
): ForwardingEntry | undefined {
  const newest = byHost.get(host);
  if (newest === undefined || newest.updatedSeconds < learned.updatedSeconds) {
    return newest;
  }
  const own = byMac.get(asking.get(host) ?? "");
  return own?.host === host && own.mac !== learned.mac &&
      own.updatedSeconds === learned.updatedSeconds
    ? own
    : undefined;
}

/** Whether the kernel sends to the MAC address of an entry in this state. */
function isUsed(state: Neighbour["state"]): boolean {
  switch (state) {
    case "reachable":
    case "stale":
    case "delay":
    case "probe":
    case "noarp":
    case "permanent":
      return true;
    case "incomplete":
    case "failed":
    case "none":
      return false;
    default:
      return state satisfies never;
  }
}

/**
 * The MAC addresses from which hosts ask by ARP, with addresses of their own: those of
 * overlay devices. If a peer's device is a port of a bridge, the containers answer with
 * MAC addresses of their own, so that many are behind one host, each as good as the other.
 */
function macsOfHosts(facts: Facts): ReadonlySet<string> {
  return new Set(
    facts.neighbours.filter(({ address }) => !isInCluster(facts, address))
      .map(({ mac }) => mac),
  );
}

interface Stale {
  readonly neighbour: Neighbour;
  readonly now: NewMac;
}

function describe(
  { destination }: WantedRoute,
  entries: readonly Stale[],
): readonly Finding[] {
  const [first] = entries;
  if (first === undefined) return [];
  const { neighbour: { address, device, mac }, now } = first;
  const others = entries.length - 1;
  const more = others === 0
    ? ""
    : ` and ${countOf(others, "more address", "more addresses")}`;
  return [{
    id: "neighbour-stale",
    severity: entries.every(({ neighbour }) => neighbour.state === "stale")
      ? "warning"
      : "critical",
    subject: { kind: "destination", destination },
    found: `${device} sends packets for ${address}${more} to ${mac}, expected ` +
      (now.host === undefined
        ? "the MAC address of a peer"
        : `${now.mac}, the MAC address of ${now.host}`),
    meaning: meaningOf(entries),
    remedy: entries.map(({ neighbour }) =>
      `ip neigh del ${neighbour.address} dev ${neighbour.device}`
    ),
  }];
}

/** The times of the kernel's defaults, arp(7): 45 s reachable, 5 s delay, 3 s of probes. */
function meaningOf(entries: readonly Stale[]): string {
  const states = new Set(entries.map(({ neighbour }) => neighbour.state));
  if (states.has("permanent") || states.has("noarp")) {
    return "The peer drops these packets until the entries are deleted";
  }
  return states.size === 1 && states.has("stale")
    ? "The peer drops the next packets until the kernel asks by ARP again, after 8 s"
    : "The peer drops these packets until the kernel asks by ARP again, up to 53 s";
}
