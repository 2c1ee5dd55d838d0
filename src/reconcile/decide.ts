import type { InterfaceName } from "../routing/interface_name.ts";
import {
  type ActualRoutes,
  isPlain,
  type KernelRoute,
  type LinkState,
  PROTOCOL,
} from "../routing/kernel_route.ts";
import type { PendingReason, Route } from "../routing/route.ts";

/** The change after which the main table has exactly one route, the desired one. */
export type InstallDecision =
  | { readonly kind: "unchanged"; readonly ifindex: number }
  | {
    readonly kind: "install";
    readonly ifindex: number;
    /** `keep`: ours exists, and only the others must be deleted. */
    readonly how: "add" | "replace" | "keep";
    /** Other routes for the destination to delete, without a replaced one. */
    readonly drop: readonly KernelRoute[];
    /** All routes that ours replaces, for the operator. */
    readonly over: readonly KernelRoute[];
  }
  | { readonly kind: "pending"; readonly reason: PendingReason }
  | {
    readonly kind: "connected";
    readonly device: InterfaceName | undefined;
    /** Ours: the kernel puts the route of a new address behind one that is there. */
    readonly drop: readonly KernelRoute[];
  }
  /** One look-up was not conclusive: dump the table. */
  | { readonly kind: "unclear" };

/** The change after which no overlay route for a destination is left. */
export type RemoveDecision =
  | { readonly kind: "absent" }
  | { readonly kind: "remove"; readonly routes: readonly KernelRoute[] }
  | { readonly kind: "unclear" };

/** True if this is just the route that InjectRoute promises. */
export function isDesired(found: KernelRoute, route: Route): boolean {
  return found.destination === route.destination && found.device === route.device &&
    isPlain(found);
}

/** For InjectRoute and every repair: from desired and actual state to the change. */
export function decideInstall(
  route: Route,
  link: LinkState,
  actual: ActualRoutes,
): InstallDecision {
  if (link.kind === "missing") return { kind: "pending", reason: "missing" };
  if (!link.up) return { kind: "pending", reason: "down" };
  if (link.withoutIpv4) return { kind: "pending", reason: "no-ipv4" };
  const { ifindex } = link;
  if (actual.kind === "best") {
    if (actual.route === undefined) {
      return { kind: "install", ifindex, how: "add", drop: [], over: [] };
    }
    return isDesired(actual.route, route)
      ? { kind: "unchanged", ifindex }
      : { kind: "unclear" };
  }
  const connected = actual.routes.find(({ protocol }) => protocol === PROTOCOL.kernel);
  if (connected !== undefined) {
    const drop = actual.routes.filter(({ protocol }) => protocol === PROTOCOL.ours);
    return { kind: "connected", device: connected.device, drop };
  }
  const over = actual.routes.filter((found) => !isDesired(found, route));
  if (over.length < actual.routes.length) {
    return over.length === 0
      ? { kind: "unchanged", ifindex }
      : { kind: "install", ifindex, how: "keep", drop: over, over };
  }
  // `route replace` exchanges the first route of the same metric and TOS in one step.
  const exchanged = over.find(({ metric, tos }) => metric === 0 && tos === 0);
  const drop = over.filter((found) => found !== exchanged);
  const how = exchanged === undefined ? "add" : "replace";
  return { kind: "install", ifindex, how, drop, over };
}

/** The owners whose routes for a destination are deleted. */
export type Owners = "overlay" | "ours";

/**
 * RemoveRoute deletes every overlay route: ours, and those that an operator or another
 * runtime left. ConfigureNodeSubnet deletes only ours, because the own subnet takes
 * precedence over a former peer.
 */
export function decideRemove(actual: ActualRoutes, owners: Owners): RemoveDecision {
  const removable = ({ protocol }: KernelRoute) => OWNERS[owners].has(protocol);
  if (actual.kind === "best") {
    if (actual.route === undefined) return { kind: "absent" };
    // Behind another owner's route with a better metric one of ours may hide.
    return removable(actual.route)
      ? { kind: "remove", routes: [actual.route] }
      : { kind: "unclear" };
  }
  const routes = actual.routes.filter(removable);
  return routes.length === 0 ? { kind: "absent" } : { kind: "remove", routes };
}

const OWNERS: Readonly<Record<Owners, ReadonlySet<number>>> = {
  overlay: new Set([PROTOCOL.boot, PROTOCOL.static, PROTOCOL.ours]),
  ours: new Set([PROTOCOL.ours]),
};
