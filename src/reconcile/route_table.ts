import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Call, Undone } from "./node_service.ts";
import type { Route } from "../routing/route.ts";
import type { StatedRoute } from "../routing/route_set.ts";

/** A wanted route and where it stands. */
export interface ListedRoute {
  readonly route: Route;
  /** Why it is not installed, a sentence; empty if it is. */
  readonly pending: string;
  /** When it came to be so, as far as this process saw: milliseconds since 1970, UTC. */
  readonly sinceMs: number;
  /** False: nobody has asked for it since the last ConfigureNodeSubnet. */
  readonly confirmed: boolean;
}

/** Routes that are new or have changed, and destinations that are no longer wanted. */
export interface RouteNews {
  /** True if `routes` is all there is. */
  readonly complete: boolean;
  /** In ascending order of destination. */
  readonly routes: readonly ListedRoute[];
  readonly removed: readonly Ipv4Cidr[];
}

/** Somebody who wants to know of changes. */
export interface RouteWatch {
  /**
   * What has changed since this was asked last, each route at its newest; at first, all
   * routes. Undefined: there is nothing to tell.
   */
  take(): RouteNews | undefined;
  /** Wants to know nothing more. */
  close(): void;
}

/** What became of one destination of a SyncRoutes. */
export interface RouteOutcome {
  readonly destination: Ipv4Cidr;
  readonly kind: "added" | "removed" | "unchanged" | "pending" | "refused";
  /** What there is to know of it, a sentence; empty if there is nothing. */
  readonly detail: string;
}

/** How many outcomes there are of each kind. */
export type OutcomeCounts = Readonly<Record<RouteOutcome["kind"], number>>;

/** What became of SyncRoutes. */
export type SyncOutcome =
  | {
    readonly kind: "synced";
    /** In ascending order of destination. */
    readonly outcomes: readonly RouteOutcome[];
    readonly counts: OutcomeCounts;
    /** True if anything is wanted or installed now that was not before. */
    readonly changed: boolean;
    /** For the operator, each said once. */
    readonly warnings: readonly string[];
  }
  /** An entry is not valid: nothing was changed. */
  | { readonly kind: "invalid"; readonly sentence: string }
  | Undone;

/** What the gRPC services need of the node's routes as a whole. */
export interface RouteTable {
  /** Every route that is wanted, in ascending order of destination. */
  list(): Promise<readonly ListedRoute[]>;
  /** @param wake called when there is something to take, once until it is taken */
  watch(wake: () => void): RouteWatch;
  /** Makes these routes all that are wanted; in a dry run, only says what it would do. */
  sync(
    routes: readonly StatedRoute[],
    dryRun: boolean,
    call: Call,
  ): Promise<SyncOutcome>;
}
