import { type Ipv4Cidr, networkAddress, quadToNumber } from "../ipam/cidr.ts";
import type { Route } from "./route.ts";

/** What is to be done about one destination. */
export type RouteDifference =
  | { readonly kind: "want"; readonly route: Route }
  | { readonly kind: "own-subnet"; readonly route: Route }
  | { readonly kind: "remove"; readonly destination: Ipv4Cidr };

/**
 * The difference between a set of wanted routes and what was wanted until now. Each
 * destination of either is in it once, in ascending order.
 *
 * @param wanted distinct destinations
 * @param known every destination that was asked for before
 * @param nodeSubnet the subnet that this node hands out itself
 */
export function compareRoutes(
  wanted: readonly Route[],
  known: Iterable<Ipv4Cidr>,
  nodeSubnet: Ipv4Cidr | undefined,
): readonly RouteDifference[] {
  const stated = new Set(wanted.map(({ destination }) => destination));
  const steps = wanted.map((route): RouteDifference => ({
    kind: route.destination === nodeSubnet ? "own-subnet" : "want",
    route,
  }));
  const removals = [...known].filter((destination) => !stated.has(destination))
    .map((destination): RouteDifference => ({ kind: "remove", destination }));
  return ascending([...steps, ...removals], destinationOf);
}

/** Whatever concerns one destination each, in ascending order of their addresses. */
export function ascending<Item>(
  items: readonly Item[],
  destination: (item: Item) => Ipv4Cidr,
): readonly Item[] {
  return items
    .map((item) => ({ item, at: quadToNumber(networkAddress(destination(item))) }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}

/** The destination that a step is about. */
export function destinationOf(step: RouteDifference): Ipv4Cidr {
  return step.kind === "remove" ? step.destination : step.route.destination;
}
