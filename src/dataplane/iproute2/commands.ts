import { networkAddress } from "../../ipam/cidr.ts";
import { type KernelRoute, OUR_PROTOCOL } from "../../routing/kernel_route.ts";
import type { Route } from "../../routing/route.ts";
import type { Mutation, NeighbourProbe, Read, TableEntry } from "../dataplane.ts";

/** What one line of a batch does. */
export type Command = Read | Mutation;

/** One line of a batch: a command, and how `ip` is sent it. */
export interface BatchLine {
  readonly command: Command;
  /** As {@linkcode render} writes it. */
  readonly text: string;
}

/** Renders a command once, for `ip` as well as for the audit log. */
export function toLine(command: Command): BatchLine {
  return { command, text: render(command) };
}

/** A read that walks a table: if it fails, half a line of JSON may be left on stdout. */
export function isDump(command: Command): boolean {
  switch (command.kind) {
    case "link-names":
    case "rules":
    case "exact-routes":
    case "routes-within":
    case "own-routes":
    case "table-routes":
    case "links":
    case "addresses":
    case "netconf":
    case "policy-rules":
    case "forwarding-table":
    case "neighbours":
      return true;
    default:
      return false;
  }
}

/**
 * True for a command at which `ip` itself exits, if the kernel refuses it: iproute2 6.1
 * does so for each change of a neighbour, also with `-force`.
 */
export function exitsIfRefused({ kind }: Command): boolean {
  return kind === "probe-neighbour" || kind === "delete-neighbour";
}

/**
 * Splits the lines of a batch into those that `ip` is sent at once. A line at which it may
 * exit is sent alone, so that the exit is the failure of this line only.
 */
export function partsOf(
  lines: readonly BatchLine[],
): readonly (readonly BatchLine[])[] {
  if (!lines.some(({ command }) => exitsIfRefused(command))) return [lines];
  const parts: BatchLine[][] = [];
  let open: BatchLine[] | undefined;
  for (const line of lines) {
    if (exitsIfRefused(line.command)) {
      parts.push([line]);
      open = undefined;
    } else if (open === undefined) parts.push(open = [line]);
    else open.push(line);
  }
  return parts;
}

/** A command as ip-route(8) and ip-link(8) write it: one line without its line feed. */
export function render(command: Command): string {
  switch (command.kind) {
    case "link":
      return `link show dev ${command.device}`;
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
    case "table-routes":
      return `route show table ${command.table}`;
    case "links":
      return "link show";
    case "addresses":
      // The prefix selects the family: `ip` lists no IPv6 address.
      return "addr show to 0.0.0.0/0";
    case "netconf":
      return "netconf show";
    case "policy-rules":
      return "rule show";
    case "forwarding-table":
      return "neigh show";
    case "neighbours":
      return `neigh show to 0.0.0.0/0 dev ${command.device} nud all`;
    case "look-up":
      return lookUp(command);
    case "permission":
      // No entry has that address. The kernel checks the capability before it looks for
      // the entry.
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
    case "probe-neighbour":
      return `neigh add ${neighbour(command.probe)} use`;
    case "delete-neighbour":
      return `neigh del ${neighbour(command.probe)}`;
    default:
      return command satisfies never;
  }
}

function lookUp({ address, from }: Extract<Read, { kind: "look-up" }>): string {
  return `route get ${address}` +
    (from === undefined ? "" : ` from ${from.source} iif ${from.device}`);
}

function neighbour({ address, device }: NeighbourProbe): string {
  return `${address} dev ${device}`;
}

function mainRoute({ destination, device }: Route): string {
  return `${destination} dev ${device} proto ${OUR_PROTOCOL}`;
}

/** Always with the owner, because a plain `route del` deletes the kernel's own route. */
function selector(route: KernelRoute): string {
  const device = route.device === undefined ? "" : ` dev ${route.device}`;
  // `ip` parses a number after `tos` as hexadecimal, with or without 0x.
  const tos = route.tos === 0 ? "" : ` tos 0x${route.tos.toString(16)}`;
  return `${route.destination}${device} proto ${route.protocol}` +
    ` metric ${route.metric}${tos}`;
}

/** With a metric of our own, because `route replace` replaces any entry of the same one. */
function tableKey({ metric, prefix, table, type }: TableEntry): string {
  return `${type} ${prefix} table ${table} proto ${OUR_PROTOCOL}` +
    ` metric ${metric}`;
}

/** Six route metrics that the kernel keeps as 32 bits, and never uses in this table. */
export const PAYLOAD_KEYWORDS = [
  "window",
  "ssthresh",
  "cwnd",
  "reordering",
  "initcwnd",
  "initrwnd",
] as const;

function tableEntry(entry: TableEntry): string {
  let text = tableKey(entry);
  for (let index = 0; index < PAYLOAD_KEYWORDS.length; index += 1) {
    const value = entry.payload[index] ?? 0;
    if (value !== 0) text += ` ${PAYLOAD_KEYWORDS[index]} ${value}`;
  }
  return text;
}
