import { networkAddress } from "../../ipam/cidr.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import { type KernelRoute, OUR_PROTOCOL } from "../../routing/kernel_route.ts";
import type { Route } from "../../routing/route.ts";
import type { Mutation, Read, TableEntry } from "../dataplane.ts";

/** What one batch line asks of the kernel. */
export type Command = Read | Mutation;

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
    case "table-routes":
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
      return command.device;
    case "add-route":
    case "replace-route":
    case "delete-route":
      return command.route.device;
    default:
      return undefined;
  }
}

/** The words of ip-route(8) and ip-link(8) for a command: one batch line, no newline. */
export function render(command: Command): string {
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
    case "table-routes":
      return `route show table ${command.table}`;
    case "permission":
      // Nobody writes an entry for that address: the kernel looks for it in vain, after
      // it has looked for the capability.
      return `route del blackhole 255.255.255.255/32 table ${OUR_PROTOCOL}` +
        ` proto ${OUR_PROTOCOL}`;
    case "add-route":
      return `route add ${mainRoute(command.route)}`;
    case "replace-route":
      return `route replace ${mainRoute(command.route)}`;
    case "delete-route":
      return `route del ${selector(command.route)}`;
    case "put-entry":
      return `route replace ${tableEntry(command.entry)}`;
    case "delete-entry":
      return `route del ${tableKey(command.entry)}`;
    case "create-entry":
      return `route add ${tableEntry(command.entry)}`;
    case "delete-equal-entry":
      return `route del ${tableEntry(command.entry)}`;
  }
}

function mainRoute({ destination, device }: Route): string {
  return `${destination} dev ${device} proto ${OUR_PROTOCOL}`;
}

/** Always with the owner: a plain `route del` takes the kernel's own route. */
function selector(route: KernelRoute): string {
  const device = route.device === undefined ? "" : ` dev ${route.device}`;
  // `ip` reads a number after `tos` as hexadecimal, with or without 0x.
  const tos = route.tos === 0 ? "" : ` tos 0x${route.tos.toString(16)}`;
  return `${route.destination}${device} proto ${route.protocol}` +
    ` metric ${route.metric}${tos}`;
}

/** With a metric of our own: `route replace` takes the place of any that has the same. */
function tableKey({ metric, prefix, table, type }: TableEntry): string {
  return `${type} ${prefix} table ${table} proto ${OUR_PROTOCOL}` +
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

function tableEntry(entry: TableEntry): string {
  const payload = PAYLOAD_WORDS.flatMap((word, index) => {
    const value = entry.payload[index] ?? 0;
    return value === 0 ? [] : [` ${word} ${value}`];
  });
  return tableKey(entry) + payload.join("");
}
