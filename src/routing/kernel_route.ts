import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "./interface_name.ts";
import type { Route } from "./route.ts";

/** The routing protocol number on every route of ours, in every table. */
export const OUR_PROTOCOL = 142;

/** Who wrote a route: the protocol numbers of rtnetlink(7) that mean something here. */
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

/** What a device is, as far as a route through it cares. */
export type LinkState =
  | { readonly kind: "missing" }
  | {
    readonly kind: "present";
    readonly ifindex: number;
    readonly up: boolean;
    /** The device that this one is a port of. */
    readonly master: InterfaceName | undefined;
    /** Up, but with an MTU under 68: the kernel has no IPv4 on it, nor routes. */
    readonly withoutIpv4?: true;
  };

/** The routes that are there for one destination in the main table, as far as known. */
export type ActualRoutes =
  /** One FIB look-up was conclusive: this is the best route, or there is none. */
  | { readonly kind: "best"; readonly route: KernelRoute | undefined }
  /** The table was walked: these are all. */
  | { readonly kind: "all"; readonly routes: readonly KernelRoute[] };

/** A wanted route as the kernel shows it once it is installed. */
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

/** True for a route just as we write one, whatever its device. */
export function isPlain(route: KernelRoute): boolean {
  return route.protocol === PROTOCOL.ours && route.metric === 0 && route.tos === 0 &&
    route.type === UNICAST && !route.gateway;
}
