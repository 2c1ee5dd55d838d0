import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "./interface_name.ts";
import type { Route } from "./route.ts";

/** The routing protocol number on every route of ours, in every table. */
export const OUR_PROTOCOL = 142;

/** The protocol numbers of rtnetlink(7) that are used here: the owner of a route. */
export const PROTOCOL = { kernel: 2, boot: 3, static: 4, ours: OUR_PROTOCOL } as const;

/** The number of the main table, the one that carries packets. */
export const TABLE_MAIN = 254;

/** The type of a route that carries packets through a device, rtnetlink(7). */
export const UNICAST = 1;

/** The types of routes that carry no packet, by their numbers in rtnetlink(7). */
export const BLACKHOLE_TYPES = { blackhole: 6, unreachable: 7, prohibit: 8 } as const;

/** A type of route that carries no packet. */
export type BlackholeType = keyof typeof BLACKHOLE_TYPES;

/** A route as the kernel shows it. */
export interface KernelRoute {
  readonly destination: Ipv4Cidr;
  /** Absent for multipath, blackhole, unreachable, and through a nexthop object. */
  readonly device: InterfaceName | undefined;
  /** True for a route that goes through a gateway. */
  readonly gateway: boolean;
  /** rtnetlink(7) `rtm_protocol`, 0–255: who wrote it. */
  readonly protocol: number;
  /** Priority, 0 the best. */
  readonly metric: number;
  readonly tos: number;
  /** rtnetlink(7) `rtm_type`; 1 is unicast. */
  readonly type: number;
  /** The routing table's number; 254 is main. */
  readonly table: number;
}

/** The state of a device that a route through it depends on. */
export type LinkState =
  | { readonly kind: "missing" }
  | {
    readonly kind: "present";
    readonly ifindex: number;
    readonly up: boolean;
    /** Up, but with an MTU under 68: the kernel has no IPv4 on it, nor routes. */
    readonly withoutIpv4?: true;
  };

/** The routes for one destination in the main table, as far as known. */
export type ActualRoutes =
  /** From one FIB look-up: the best route, or none. */
  | { readonly kind: "best"; readonly route: KernelRoute | undefined }
  /** From a dump of the table: all routes. */
  | { readonly kind: "all"; readonly routes: readonly KernelRoute[] };

/** A desired route as the kernel shows it after it is installed. */
export function ourRoute({ destination, device }: Route): KernelRoute {
  return {
    destination,
    device,
    gateway: false,
    protocol: PROTOCOL.ours,
    metric: 0,
    tos: 0,
    type: UNICAST,
    table: TABLE_MAIN,
  };
}

/** True for a route with the attributes of ours, through any device. */
export function isPlain(route: KernelRoute): boolean {
  return route.protocol === PROTOCOL.ours && route.metric === 0 && route.tos === 0 &&
    route.type === UNICAST && !route.gateway;
}
