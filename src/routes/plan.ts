import { type Ipv4Cidr, networkAddress, quadNumber } from "../ipam/cidr.ts";
import { isWanted } from "./decide.ts";
import type { FoundRoute } from "./found_route.ts";
import type { InterfaceName } from "./interface_name.ts";
import type { WantedRoute } from "./memory.ts";

/** Destinations and the device that each goes through. */
export type Devices = ReadonlyMap<Ipv4Cidr, InterfaceName>;

/** What a whole set of wanted routes is held against. */
export interface Standings {
  /** Every destination that somebody asked for before. */
  readonly known: Iterable<Ipv4Cidr>;
  /** Routes that the kernel was just seen to have, as they were asked for before. */
  readonly settled: Devices;
  /** The subnet that this node hands out itself. */
  readonly nodeSubnet: Ipv4Cidr | undefined;
}

/** What is to be done about one destination. */
export type PlannedStep =
  | { readonly kind: "keep" | "install" | "own-subnet"; readonly route: WantedRoute }
  | { readonly kind: "remove"; readonly destination: Ipv4Cidr };

/**
 * The difference between a set of wanted routes and what stands now. Each destination
 * of either is in it once, in ascending order.
 *
 * @param wanted distinct destinations
 */
export function planRoutes(
  wanted: readonly WantedRoute[],
  { known, nodeSubnet, settled }: Standings,
): readonly PlannedStep[] {
  const stated = new Set(wanted.map(({ destination }) => destination));
  const steps = wanted.map((route): PlannedStep => {
    if (route.destination === nodeSubnet) return { kind: "own-subnet", route };
    const kept = settled.get(route.destination) === route.device;
    return { kind: kept ? "keep" : "install", route };
  });
  const removals = [...known].filter((destination) => !stated.has(destination))
    .map((destination): PlannedStep => ({ kind: "remove", destination }));
  return ascending([...steps, ...removals], destinationOf);
}

/**
 * The routes that need no further look: the main table has the plain one of ours for the
 * destination, and table 142 names the same device.
 *
 * @param routes ours in the main table, distinct destinations
 * @param remembered the wanted routes that table 142 has
 */
export function settledRoutes(
  routes: readonly FoundRoute[],
  remembered: readonly WantedRoute[],
): Devices {
  const found = new Map(routes.map((route) => [route.destination, route]));
  const settled = new Map<Ipv4Cidr, InterfaceName>();
  for (const wanted of remembered) {
    const route = found.get(wanted.destination);
    if (route !== undefined && isWanted(route, wanted)) {
      settled.set(wanted.destination, wanted.device);
    }
  }
  return settled;
}

/** Destinations that several of these routes are for. */
export function crowded(routes: readonly FoundRoute[]): ReadonlySet<Ipv4Cidr> {
  const seen = new Set<Ipv4Cidr>();
  const several = new Set<Ipv4Cidr>();
  for (const { destination } of routes) {
    if (seen.has(destination)) several.add(destination);
    seen.add(destination);
  }
  return several;
}

/** Whatever concerns one destination each, in ascending order of their addresses. */
export function ascending<Item>(
  items: readonly Item[],
  destination: (item: Item) => Ipv4Cidr,
): readonly Item[] {
  return items
    .map((item) => ({ item, at: quadNumber(networkAddress(destination(item))) }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}

/** The destination that a step is about. */
export function destinationOf(step: PlannedStep): Ipv4Cidr {
  return step.kind === "remove" ? step.destination : step.route.destination;
}
