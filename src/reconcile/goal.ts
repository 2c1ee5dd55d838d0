import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Cause, Failure, TableEntry } from "../dataplane/dataplane.ts";
import type { Owners } from "./decide.ts";
import type { PendingReason, Route } from "../routing/route.ts";
import type { KernelRoute } from "../routing/kernel_route.ts";
import type { InterfaceName } from "../routing/interface_name.ts";

/** The destination shall have one route, this one. */
export interface PresentGoal {
  readonly wanted: Route;
  /** Our route for the destination as the kernel confirmed it last; then look first. */
  readonly installed: Route | undefined;
  /** The entry of table 142 to write first; undefined when it is there. */
  readonly remember: TableEntry | undefined;
  readonly cause: Cause;
}

/** The destination shall have no route of these owners. */
export interface AbsentGoal {
  readonly destination: Ipv4Cidr;
  readonly owners: Owners;
  /** Our route as the kernel confirmed it last; undefined if there was none. */
  readonly installed: Route | undefined;
  /** The entry of table 142 to take away; undefined when none is there. */
  readonly forget: TableEntry | undefined;
  readonly cause: Cause;
}

/** Why a goal was not reached, or nobody knows whether it was. */
export type Trouble =
  | { readonly kind: "failed"; readonly failure: Failure }
  | { readonly kind: "lost"; readonly why: string };

/** What the kernel confirmed about a wanted route. */
export type PresentReached =
  | {
    readonly kind: "added";
    readonly ifindex: number;
    /** Routes that gave way. */
    readonly over: readonly KernelRoute[];
    readonly master: InterfaceName | undefined;
  }
  | {
    readonly kind: "unchanged";
    readonly ifindex: number;
    readonly master: InterfaceName | undefined;
  }
  | { readonly kind: "pending"; readonly reason: PendingReason }
  | {
    readonly kind: "connected";
    readonly device: InterfaceName | undefined;
    /** True if something was written before this came to light. */
    readonly wrote: boolean;
    /** True if its entry in table 142 may have been written before. */
    readonly remembered: boolean;
  }
  | Trouble;

/** What the kernel confirmed about a route that is not wanted. */
export type AbsentReached =
  | { readonly kind: "removed" }
  | { readonly kind: "absent" }
  | Trouble;

/** What a goal has reached before anything was done for it. */
export const NEVER_SETTLED: Trouble = { kind: "lost", why: "it was never asked" };
