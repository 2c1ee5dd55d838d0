import { enclosing } from "../../ipam/address.ts";
import type { Ipv4Cidr } from "../../ipam/cidr.ts";
import {
  isPlain,
  type KernelRoute,
  PROTOCOL,
  UNICAST,
} from "../../routing/kernel_route.ts";
import { listFew } from "../../shared/quote.ts";
import type { Facts, WantedRoute } from "../facts.ts";
import { indexWanted } from "../facts/wanted.ts";
import type { Finding } from "../finding.ts";
import { deleteAddress } from "../remedies/lines.ts";

/** Routes of the main table that the kernel prefers to a wanted one. */
export function shadowedRouteChecks(facts: Facts): readonly Finding[] {
  const wantedFor = indexWanted(facts.wanted);
  const suspects = new Set<WantedRoute>();
  for (const route of facts.routes) {
    const wanted = wantedFor(route.destination);
    if (wanted !== undefined && leavesOverlay(route, wanted)) suspects.add(wanted);
  }
  if (suspects.size === 0) return [];
  const within = Map.groupBy(
    facts.routes,
    ({ destination }) => wantedFor(destination),
  );
  return [...suspects].flatMap((wanted) => {
    const routes = within.get(wanted) ?? [];
    const shadows = [
      ...routes.filter(({ destination }) => destination !== wanted.destination),
      ...preferredToOurs(wanted, routes),
    ].filter((route) => leavesOverlay(route, wanted));
    return shadows.length === 0 ? [] : [shadowed(facts, wanted, shadows)];
  });
}

/** Of the routes for exactly the wanted destination, in the order of the kernel. */
function preferredToOurs(
  { destination, device }: WantedRoute,
  routes: readonly KernelRoute[],
): readonly KernelRoute[] {
  const exact = routes.filter((route) => route.destination === destination);
  const isOurs = (route: KernelRoute) => isPlain(route) && route.device === device;
  // Routes of the same TOS and metric are listed in the order in which they are tried.
  const ordinary = exact.filter(({ tos }) => tos === 0)
    .toSorted((one, other) => one.metric - other.metric);
  const at = ordinary.findIndex(isOurs);
  // If ours is not there, the next repair replaces what is, but for a connected route.
  const ahead = at < 0
    ? ordinary.filter(({ protocol }) => protocol === PROTOCOL.kernel)
    : ordinary.slice(0, at);
  return [...exact.filter(({ tos }) => tos !== 0), ...ahead];
}

function leavesOverlay({ device, type }: KernelRoute, wanted: WantedRoute): boolean {
  return type !== UNICAST || device !== wanted.device;
}

function shadowed(
  facts: Facts,
  wanted: WantedRoute,
  shadows: readonly KernelRoute[],
): Finding {
  const { destination, device } = wanted;
  return {
    id: "route-shadowed",
    severity: shadows.some(({ tos }) => tos === 0) ? "critical" : "warning",
    subject: { kind: "destination", destination },
    found: `The kernel prefers ${listFew(shadows.map(describe))} to ${destination} ` +
      `dev ${device} proto ${PROTOCOL.ours}`,
    meaning: meaningOf(shadows),
    remedy: [...new Set(shadows.flatMap((route) => remedyOf(facts, route)))],
  };
}

function meaningOf(shadows: readonly KernelRoute[]): string {
  const [only, ...more] = shadows;
  if (only === undefined || more.length > 0) {
    return "Packets to these addresses do not enter the overlay";
  }
  const packets = only.tos === 0
    ? `Packets to ${only.destination}`
    : `Packets to ${only.destination} with TOS 0x${only.tos.toString(16)}`;
  if (only.type !== UNICAST) {
    return `${packets} are dropped instead of sent to the peer`;
  }
  return only.device === undefined
    ? `${packets} do not enter the overlay`
    : `${packets} leave through ${only.device} instead of the overlay`;
}

/** The words of ip-route(8) for the types of rtnetlink(7) that are not unicast. */
const TYPES: ReadonlyMap<number, string> = new Map([
  [2, "local"],
  [3, "broadcast"],
  [4, "anycast"],
  [5, "multicast"],
  [6, "blackhole"],
  [7, "unreachable"],
  [8, "prohibit"],
  [9, "throw"],
  [10, "nat"],
]);

/** As ip-route(8) selects a route. */
function describe(route: KernelRoute): string {
  const type = TYPES.get(route.type);
  return [
    ...(type === undefined ? [] : [type]),
    route.destination,
    ...(route.device === undefined ? [] : [`dev ${route.device}`]),
    `proto ${route.protocol} metric ${route.metric}`,
    // `ip` parses a number after `tos` as hexadecimal, with or without 0x.
    ...(route.tos === 0 ? [] : [`tos 0x${route.tos.toString(16)}`]),
  ].join(" ");
}

/** A connected route comes back unless its address goes. */
function remedyOf({ addresses }: Facts, route: KernelRoute): readonly string[] {
  const makers = route.protocol === PROTOCOL.kernel
    ? addresses.filter(({ address, device, prefixLength }) =>
      device === route.device &&
      enclosing(address, prefixLength) === route.destination
    )
    : [];
  if (makers.length === 0) return [`ip route del ${describe(route)}`];
  // The kernel lists a primary address first, and deletes its secondaries with it.
  return makers.toReversed().map(deleteAddress);
}

/** The destinations from which another route takes packets of every kind. */
export function shadowedDestinations(facts: Facts): ReadonlySet<Ipv4Cidr> {
  return new Set(
    shadowedRouteChecks(facts).flatMap(({ severity, subject }) =>
      severity === "critical" && subject.kind === "destination"
        ? [subject.destination]
        : []
    ),
  );
}
