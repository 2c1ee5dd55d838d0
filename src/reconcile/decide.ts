import { contains, type Ipv4Cidr } from "../ipam/cidr.ts";
import {
  type ActualRoutes,
  type KernelRoute,
  type LinkState,
  PROTOCOL,
  TABLE_MAIN,
  UNICAST,
} from "../routing/kernel_route.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { Route } from "../routing/route.ts";

/** Why a wanted route cannot be installed now, though it will be one day. */
export type PendingReason = "missing" | "down" | "no-ipv4";

/** What to do so that the main table has exactly one route, the wanted one. */
export type InstallDecision =
  | { readonly kind: "unchanged"; readonly ifindex: number }
  | {
    readonly kind: "install";
    readonly ifindex: number;
    /** `keep`: ours is there, and only others must go. */
    readonly how: "add" | "replace" | "keep";
    /** Other routes for the destination that must go, apart from a replaced one. */
    readonly drop: readonly KernelRoute[];
    /** All routes that give way, for the operator's eyes. */
    readonly over: readonly KernelRoute[];
  }
  | { readonly kind: "pending"; readonly reason: PendingReason }
  | {
    readonly kind: "connected";
    readonly device: InterfaceName | undefined;
    /** Ours: the kernel puts the route of a new address behind one that is there. */
    readonly drop: readonly KernelRoute[];
  }
  | { readonly kind: "look-closer" };

/** What to do so that no overlay route for a destination is left. */
export type RemoveDecision =
  | { readonly kind: "absent" }
  | { readonly kind: "remove"; readonly routes: readonly KernelRoute[] }
  | { readonly kind: "look-closer" };

/**
 * Reads the answer of one FIB look-up for a destination's first address. It is
 * conclusive when it is the destination itself or something wider in the main table;
 * a longer prefix, another table (policy rules) or an error other than "nothing
 * there" hides what is asked for.
 */
export function sightOfBest(
  destination: Ipv4Cidr,
  best: KernelRoute | undefined,
): ActualRoutes | undefined {
  if (best === undefined) return { kind: "best", route: undefined };
  if (best.table !== TABLE_MAIN) return undefined;
  if (best.destination === destination) return { kind: "best", route: best };
  return contains(best.destination, destination)
    ? { kind: "best", route: undefined }
    : undefined;
}

/** True if this is just the route that InjectRoute promises. */
export function isWanted(route: KernelRoute, wanted: Route): boolean {
  return route.destination === wanted.destination && route.device === wanted.device &&
    route.protocol === PROTOCOL.ours && route.metric === 0 && route.tos === 0 &&
    route.type === UNICAST && !route.gateway;
}

/** InjectRoute and every repair: what is wanted and what is there, to what to do. */
export function decideInstall(
  wanted: Route,
  link: LinkState,
  sight: ActualRoutes,
): InstallDecision {
  if (link.kind === "missing") return { kind: "pending", reason: "missing" };
  if (!link.up) return { kind: "pending", reason: "down" };
  if (link.withoutIpv4) return { kind: "pending", reason: "no-ipv4" };
  const { ifindex } = link;
  if (sight.kind === "best") {
    if (sight.route === undefined) {
      return { kind: "install", ifindex, how: "add", drop: [], over: [] };
    }
    return isWanted(sight.route, wanted)
      ? { kind: "unchanged", ifindex }
      : { kind: "look-closer" };
  }
  const connected = sight.routes.find((route) => route.protocol === PROTOCOL.kernel);
  if (connected !== undefined) {
    const drop = sight.routes.filter((route) => route.protocol === PROTOCOL.ours);
    return { kind: "connected", device: connected.device, drop };
  }
  const over = sight.routes.filter((route) => !isWanted(route, wanted));
  if (over.length < sight.routes.length) {
    return over.length === 0
      ? { kind: "unchanged", ifindex }
      : { kind: "install", ifindex, how: "keep", drop: over, over };
  }
  // `route replace` exchanges the first route of the same metric and TOS in one step.
  const exchanged = over.find((route) => route.metric === 0 && route.tos === 0);
  const drop = over.filter((route) => route !== exchanged);
  const how = exchanged === undefined ? "add" : "replace";
  return { kind: "install", ifindex, how, drop, over };
}

/** Whose routes for a destination must go. */
export type Owners = "overlay" | "ours";

/**
 * RemoveRoute takes every overlay route: ours, and what was left by hand or by another
 * runtime. ConfigureNodeSubnet takes only ours: local wins over a peer of the past.
 */
export function decideRemove(sight: ActualRoutes, owners: Owners): RemoveDecision {
  const removable = (route: KernelRoute) => OWNERS[owners].has(route.protocol);
  if (sight.kind === "best") {
    if (sight.route === undefined) return { kind: "absent" };
    // Behind somebody else's route with a better metric one of ours may hide.
    return removable(sight.route)
      ? { kind: "remove", routes: [sight.route] }
      : { kind: "look-closer" };
  }
  const routes = sight.routes.filter(removable);
  return routes.length === 0 ? { kind: "absent" } : { kind: "remove", routes };
}

const OWNERS: Readonly<Record<Owners, ReadonlySet<number>>> = {
  overlay: new Set([PROTOCOL.boot, PROTOCOL.static, PROTOCOL.ours]),
  ours: new Set([PROTOCOL.ours]),
};
