import { type Ipv4Cidr, networkAddress, quadToNumber } from "../ipam/cidr.ts";
import type { Route } from "./route.ts";

/** How one destination differs. */
export type RouteDifference =
  | { readonly kind: "want"; readonly route: Route }
  | { readonly kind: "own-subnet"; readonly route: Route }
  | { readonly kind: "remove"; readonly destination: Ipv4Cidr };

/**
 * Compares a set of wanted routes with the routes that were desired until now.
 *
 * @param wanted routes with distinct destinations
 * @param known the destinations that were desired before
 * @param nodeSubnet the node's own subnet
 * @returns each destination of either set once, in ascending order
 */
export function compareRoutes(
  wanted: readonly Route[],
  known: Iterable<Ipv4Cidr>,
  nodeSubnet: Ipv4Cidr | undefined,
): readonly RouteDifference[] {
  const stated = new Set(wanted.map(({ destination }) => destination));
  const additions = wanted.map((route): RouteDifference => ({
    kind: route.destination === nodeSubnet ? "own-subnet" : "want",
    route,
  }));
  const removals = [...known].filter((destination) => !stated.has(destination))
    .map((destination): RouteDifference => ({ kind: "remove", destination }));
  return ascending([...additions, ...removals], destinationOf);
}

/** Sorts items by the address of their destination, in ascending order. */
export function ascending<Item>(
  items: readonly Item[],
  destination: (item: Item) => Ipv4Cidr,
): readonly Item[] {
  return items
    .map((item) => ({ item, at: quadToNumber(networkAddress(destination(item))) }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}

/** The destination of a difference. */
export function destinationOf(difference: RouteDifference): Ipv4Cidr {
  return difference.kind === "remove"
    ? difference.destination
    : difference.route.destination;
}
