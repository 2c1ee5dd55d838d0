import { type Ipv4Cidr, networkAddress } from "../../ipam/cidr.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import type { FoundRoute } from "../../routing/kernel_route.ts";
import { OUR_PROTOCOL, type StateEntry } from "../../state/table142_codec.ts";

/**
 * Everything that may be asked of the kernel. A caller's string cannot become a
 * command: the only texts in it are branded types, each made by its one check, and
 * what the kernel itself answered (numbers, and devices checked like a caller's).
 */
export type Command = Read | Mutation;

/** Asks, changes nothing. Each answers with exactly one JSON document, or fails. */
export type Read =
  /** One device, by the kernel's own look-up of its name. */
  | { readonly kind: "link"; readonly device: InterfaceName }
  /** The device again, if it is a bridge; otherwise an empty answer. */
  | { readonly kind: "bridge"; readonly device: InterfaceName }
  /** The names of all devices; walks them. */
  | { readonly kind: "link-names" }
  /** The IPv4 rules that say which tables a look-up goes through. */
  | { readonly kind: "rules" }
  /** One FIB look-up of the destination's first address: no cost grows with a table. */
  | { readonly kind: "best-route"; readonly destination: Ipv4Cidr }
  /** Every route of the main table for exactly this destination; walks the table. */
  | { readonly kind: "exact-routes"; readonly destination: Ipv4Cidr }
  /** Every route of the main table inside this prefix; walks the table. */
  | { readonly kind: "routes-within"; readonly cluster: Ipv4Cidr }
  /** Our routes of every table, picked by the kernel. */
  | { readonly kind: "own-routes" }
  /** The forwarding database of every device; of an `ip` of the family bridge only. */
  | { readonly kind: "forwarding-entries" }
  /** Table 142 with whatever anybody put there; fails while nobody did. */
  | { readonly kind: "state-table" }
  /** Fails always; only without CAP_NET_ADMIN as "not-permitted". */
  | { readonly kind: "permission" };

/** Changes one entry of one table. Each leaves one audit record. */
export type Mutation =
  /** Fails when any route for the destination with metric 0 is there. */
  | {
    readonly kind: "add-route" | "replace-route";
    readonly destination: Ipv4Cidr;
    readonly device: InterfaceName;
  }
  /** Takes away exactly the route that was seen, by its owner, metric and TOS. */
  | { readonly kind: "delete-route"; readonly route: FoundRoute }
  /** Writes an entry of table 142; the same entry again is no change. */
  | { readonly kind: "remember"; readonly entry: StateEntry }
  /** Takes an entry out of table 142, whatever its payload. */
  | { readonly kind: "forget"; readonly entry: StateEntry }
  /** Writes an entry where there is none: the kernel itself refuses a second one. */
  | { readonly kind: "claim"; readonly entry: StateEntry }
  /** Takes just this entry out of table 142: one of another payload stays. */
  | { readonly kind: "release"; readonly entry: StateEntry };

/** A read that walks a table: when it fails, half a document may be left on stdout. */
export function isDump(command: Command): boolean {
  switch (command.kind) {
    case "bridge":
    case "link-names":
    case "rules":
    case "exact-routes":
    case "routes-within":
    case "own-routes":
    case "forwarding-entries":
    case "state-table":
      return true;
    default:
      return false;
  }
}

/** True for commands that answer with a JSON document. */
export function isRead(command: Command): command is Read {
  return isDump(command) || command.kind === "link" ||
    command.kind === "best-route" || command.kind === "permission";
}

/**
 * The device that a command names, if `ip` may take the name for an index: where the kernel
 * has no such device, iproute2 reads `if9`, and whatever begins like it, by sscanf(3) as
 * `if%u`, which takes a sign as well. A route would go through device 9, and
 * `link show` ends the whole process.
 */
export function indexLikeName(command: Command): InterfaceName | undefined {
  const device = deviceOf(command);
  return device !== undefined && /^if[-+]?[0-9]/.test(device) ? device : undefined;
}

function deviceOf(command: Command): InterfaceName | undefined {
  switch (command.kind) {
    case "link":
    case "bridge":
    case "add-route":
    case "replace-route":
      return command.device;
    case "delete-route":
      return command.route.device;
    default:
      return undefined;
  }
}

/** The words of ip-route(8) and ip-link(8) for a command: one batch line, no newline. */
export function words(command: Command): string {
  switch (command.kind) {
    case "link":
      return `link show dev ${command.device}`;
    case "bridge":
      return `link show dev ${command.device} type bridge`;
    case "link-names":
      return "link show";
    case "rules":
      return "rule show";
    case "best-route":
      return `route get fibmatch ${networkAddress(command.destination)}`;
    case "exact-routes":
      return `route show table main exact ${command.destination}`;
    case "routes-within":
      return `route show table main root ${command.cluster}`;
    case "own-routes":
      return `route show table all proto ${OUR_PROTOCOL}`;
    case "forwarding-entries":
      return "neigh show";
    case "state-table":
      return `route show table ${OUR_PROTOCOL}`;
    case "permission":
      // Nobody writes an entry for that address: the kernel looks for it in vain, after
      // it has looked for the capability.
      return `route del blackhole 255.255.255.255/32 table ${OUR_PROTOCOL}` +
        ` proto ${OUR_PROTOCOL}`;
    case "add-route":
      return `route add ${mainRoute(command.destination, command.device)}`;
    case "replace-route":
      return `route replace ${mainRoute(command.destination, command.device)}`;
    case "delete-route":
      return `route del ${selector(command.route)}`;
    case "remember":
      return `route replace ${stateEntry(command.entry)}`;
    case "forget":
      return `route del ${stateKey(command.entry)}`;
    case "claim":
      return `route add ${stateEntry(command.entry)}`;
    case "release":
      return `route del ${stateEntry(command.entry)}`;
  }
}

function mainRoute(destination: Ipv4Cidr, device: InterfaceName): string {
  return `${destination} dev ${device} proto ${OUR_PROTOCOL}`;
}

/** Always with the owner: a plain `route del` takes the kernel's own route. */
function selector(route: FoundRoute): string {
  const device = route.device === undefined ? "" : ` dev ${route.device}`;
  // `ip` reads a number after `tos` as hexadecimal, with or without 0x.
  const tos = route.tos === 0 ? "" : ` tos 0x${route.tos.toString(16)}`;
  return `${route.destination}${device} proto ${route.protocol}` +
    ` metric ${route.metric}${tos}`;
}

/** With a metric of our own: `route replace` takes the place of any that has the same. */
function stateKey({ metric, prefix, type }: StateEntry): string {
  return `${type} ${prefix} table ${OUR_PROTOCOL} proto ${OUR_PROTOCOL}` +
    ` metric ${metric}`;
}

/** The six per-route metrics that the kernel keeps as 32 bits and never interprets here. */
const PAYLOAD_WORDS = [
  "window",
  "ssthresh",
  "cwnd",
  "reordering",
  "initcwnd",
  "initrwnd",
] as const;

function stateEntry(entry: StateEntry): string {
  const payload = PAYLOAD_WORDS.flatMap((word, index) => {
    const value = entry.payload[index] ?? 0;
    return value === 0 ? [] : [` ${word} ${value}`];
  });
  return stateKey(entry) + payload.join("");
}
