/** What the API needs of the routes; each answer is true of the kernel. */
import type { Cause } from "../dataplane/dataplane.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { StatedRoute } from "../routing/route_set.ts";
import type { Route } from "../routing/route.ts";
import type { TraceParent } from "../shared/trace_parent.ts";

/** Who calls, for the audit log, and whether an answer is still wanted. */
export interface Call {
  /** The RPC's name, e.g. `InjectRoute`. */
  readonly rpc: string;
  /** The caller's connection, e.g. `127.0.0.1:40112`. */
  readonly peer: string;
  /** Whom its certificate is for, e.g. `CN=agent,O=Quilt`; only under mTLS. */
  readonly subject?: string;
  /** The call's span; only while calls are traced. */
  readonly trace?: TraceParent;
  /** True once the caller has cancelled or its deadline has passed. */
  gone(): boolean;
}

/** Answered as `success=false` with this sentence in `error`. */
export interface Refusal {
  readonly kind: "refused";
  readonly sentence: string;
}

/** Answered as a gRPC status: the kernel was not touched. */
export type NotExecuted =
  | { readonly kind: "shutting-down" }
  | { readonly kind: "queue-full" }
  | { readonly kind: "caller-gone" };

/** The outcome of InjectRoute. `warnings` are for the operator, each logged once. */
export type InjectOutcome =
  | {
    readonly kind: "added";
    readonly destination: Ipv4Cidr;
    readonly device: InterfaceName;
    /** The device's index in its network namespace. */
    readonly ifindex: number;
    readonly warnings: readonly string[];
  }
  | {
    readonly kind: "unchanged";
    readonly destination: Ipv4Cidr;
    readonly device: InterfaceName;
  }
  | Refusal
  | NotExecuted;

/** The outcome of RemoveRoute. */
export type RemoveOutcome =
  | { readonly kind: "removed"; readonly destination: Ipv4Cidr }
  | { readonly kind: "absent"; readonly destination: Ipv4Cidr }
  | Refusal
  | NotExecuted;

/** A desired route and its status. */
export interface ListedRoute {
  readonly route: Route;
  /** Why it is not installed, a sentence; empty if it is. */
  readonly pending: string;
  /** Since when, as far as this process saw: milliseconds since 1970, UTC. */
  readonly sinceMs: number;
  /** False: the agent has not asked for it since the last ConfigureNodeSubnet. */
  readonly confirmed: boolean;
}

/** Routes that are new or have changed, and destinations that are no longer desired. */
export interface RouteChanges {
  /** True if `routes` is all there is. */
  readonly complete: boolean;
  /** In ascending order of destination. */
  readonly routes: readonly ListedRoute[];
  readonly removed: readonly Ipv4Cidr[];
}

/** A watch of the routes. */
export interface RouteWatch {
  /**
   * What has changed since the last call, each route at its newest; at first, all routes.
   * Undefined: nothing has changed.
   */
  take(): RouteChanges | undefined;
  /** Takes these again, because something else than their status has changed. */
  repeat(isMeant: (route: Route) => boolean): void;
  close(): void;
}

/** The outcome of one destination of a SyncRoutes. */
export interface RouteOutcome {
  readonly destination: Ipv4Cidr;
  readonly kind: "added" | "removed" | "unchanged" | "pending" | "refused";
  /** A sentence for the operator; empty if there is nothing to say. */
  readonly detail: string;
}

/** How many outcomes there are of each kind. */
export type OutcomeCounts = Readonly<Record<RouteOutcome["kind"], number>>;

/** The outcome of SyncRoutes. */
export type SyncOutcome =
  | {
    readonly kind: "synced";
    /** In ascending order of destination. */
    readonly outcomes: readonly RouteOutcome[];
    readonly counts: OutcomeCounts;
    /** True if anything is desired or installed now that was not before. */
    readonly changed: boolean;
  }
  /** An entry is not valid: nothing was changed. */
  | { readonly kind: "invalid"; readonly sentence: string }
  | NotExecuted;

/** The routes to the other nodes. */
export interface RouteService {
  injectRoute(
    destination: string,
    viaInterface: string,
    call: Call,
  ): Promise<InjectOutcome>;
  removeRoute(destination: string, call: Call): Promise<RemoveOutcome>;
  /** Every desired route, in ascending order of destination. */
  list(): Promise<readonly ListedRoute[]>;
  /** @param wake called when there is something to take, once until it is taken */
  watch(wake: () => void): RouteWatch;
  /** Makes these routes all that are desired; a dry run only tells what it would do. */
  sync(
    routes: readonly StatedRoute[],
    dryRun: boolean,
    call: Call,
  ): Promise<SyncOutcome>;
}

/** A refusal with a sentence for the caller. */
export function refuse(sentence: string): Refusal {
  return { kind: "refused", sentence };
}

/** The cause that the audit log names for a call's mutations. */
export function causeOf({ peer, rpc, subject, trace }: Call): Cause {
  return {
    rpc,
    peer,
    ...(subject === undefined ? {} : { subject }),
    ...(trace === undefined ? {} : { trace }),
  };
}

/** Something that did not succeed. */
export interface PastFailure {
  /** As `Date.now()`. */
  readonly atMs: number;
  /** What failed and why. */
  readonly sentence: string;
}

/** What a sidecar has done by itself since its start. */
export interface Activity {
  /** As `Date.now()`. */
  readonly startedMs: number;
  /** Routes and records that it wrote or deleted because the kernel differed. */
  readonly repairs: number;
  readonly lastFailure: PastFailure | undefined;
}
