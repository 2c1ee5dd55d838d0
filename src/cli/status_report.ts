import { escapeInvisible } from "../shared/quote.ts";
import type { Timestamp } from "../api/gen/google/protobuf/Timestamp.ts";
import type { NodeNetwork } from "../api/gen/quilt/sidecar/v1/NodeNetwork.ts";
import type { Route } from "../api/gen/quilt/sidecar/v1/Route.ts";
import { required } from "./grpc_client.ts";

/** The status of a node, as its sidecar reports it. */
export interface NodeStatus {
  readonly network: NodeNetwork;
  /** Why the last ConfigureNodeSubnet was refused; empty if it was not refused. */
  readonly refusal: string;
  /** How many addresses are allocated. */
  readonly allocated: number;
  /** How many addresses can still be allocated. */
  readonly free: number;
  /** In ascending order of destination. */
  readonly routes: readonly Route[];
}

/** Formats the status for people: a summary and a table of all routes. */
export function formatStatus(
  { allocated, free, network, refusal, routes }: NodeStatus,
): string {
  const { installed, pending, unconfirmed } = countRoutes(routes);
  const summary = align([
    ["Node subnet", describeSubnet(network, refusal)],
    ["Cluster CIDR", network.cluster_cidr],
    ["Addresses", `${allocated} allocated, ${free} free`],
    [
      "Routes",
      `${installed} installed, ${pending} pending; ${unconfirmed} unconfirmed`,
    ],
  ]);
  const table = align([
    ["DESTINATION", "DEVICE", "STATE", "SINCE", "NOTE"],
    ...routes.map(toRow),
  ]);
  return [...summary, ...(routes.length === 0 ? [] : ["", ...table])].join("\n");
}

/** Formats the status as one JSON document; README.md explains its fields. */
export function statusJson(
  { allocated, free, network, refusal, routes }: NodeStatus,
): string {
  return escapeInvisible(JSON.stringify({
    node_network: { ...network, refusal },
    addresses: { allocated, free },
    route_counts: countRoutes(routes),
    routes: routes.map((route) => ({
      destination: route.destination,
      device: route.device,
      state: stateOf(route),
      reason: route.reason,
      since: toIso(route.since),
      confirmed: route.confirmed,
    })),
  }));
}

function describeSubnet(
  { gateway, subnet }: NodeNetwork,
  refusal: string,
): string {
  const configured = subnet === "" ? "not configured" : `${subnet}, gateway ${gateway}`;
  if (refusal !== "") {
    return `${configured}; last ConfigureNodeSubnet refused: ${refusal}`;
  }
  // The sidecar does not know what an earlier process of it answered.
  return subnet === ""
    ? `${configured}: no ConfigureNodeSubnet since the sidecar's start`
    : configured;
}

function countRoutes(
  routes: readonly Route[],
): Readonly<Record<"installed" | "pending" | "unconfirmed", number>> {
  const pending = routes.filter((route) => stateOf(route) === "pending").length;
  const unconfirmed = routes.filter(({ confirmed }) => !confirmed).length;
  return { installed: routes.length - pending, pending, unconfirmed };
}

function toRow(route: Route): readonly string[] {
  const { confirmed, destination, device, reason, since } = route;
  const notes = [confirmed ? "" : "unconfirmed", reason].filter((note) => note !== "");
  return [destination, device, stateOf(route), toIso(since), notes.join("; ")];
}

function stateOf({ state }: Route): "installed" | "pending" {
  switch (state) {
    case "ROUTE_STATE_INSTALLED":
      return "installed";
    case "ROUTE_STATE_PENDING":
      return "pending";
    default:
      // Unspecified, which is never sent, or a state of a newer sidecar.
      throw new TypeError(`Cannot show route state ${state}`);
  }
}

function toIso(since: Timestamp | null): string {
  const { nanos, seconds } = required(since, "since");
  return new Date(seconds * 1000 + nanos / 1e6).toISOString();
}

/**
 * Aligns the cells of a table in columns, two spaces apart. The reason of a route may
 * contain any character, because it may be a message of `ip`.
 */
function align(texts: readonly (readonly string[])[]): readonly string[] {
  const rows = texts.map((cells) => cells.map(escapeInvisible));
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) => widths[at] = Math.max(widths[at] ?? 0, cell.length));
  }
  return rows.map((row) =>
    row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ").trimEnd()
  );
}
