/** The port of the routes for the API. Each success was confirmed by the kernel. */
import type { Cause } from "../dataplane/dataplane.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { StatedRoute } from "../routing/route_set.ts";
import type { Route } from "../routing/route.ts";
import type { TraceParent } from "../shared/trace_parent.ts";

/** The client of a call, for the audit log, and whether it still waits for the answer. */
export interface Call {
  /** The RPC's name, e.g. `InjectRoute`. */
  readonly rpc: string;
  /** The client's connection, e.g. `127.0.0.1:40112`. */
  readonly peer: string;
  /** The subject of the client's certificate, e.g. `CN=agent,O=Quilt`; only with mTLS. */
  readonly subject?: string;
  /** The call's span; only while calls are traced. */
  readonly trace?: TraceParent;
  /** True once the client has cancelled the call or its deadline has passed. */
  gone(): boolean;
}

/** The answer is `success=false`, with this sentence in `error`. */
export interface Refusal {
  readonly kind: "refused";
  readonly sentence: string;
}

/** The answer is a gRPC status other than OK: the kernel was not changed. */
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
  /** Since when, as far as this process has observed: milliseconds since 1970, UTC. */
  readonly sinceMs: number;
  /** False: no client has requested it since the last ConfigureNodeSubnet. */
  readonly confirmed: boolean;
}

/** Routes that are new or have changed, and destinations that are no longer desired. */
export interface RouteChanges {
  /** True if `routes` has all desired routes. */
  readonly complete: boolean;
  /** In ascending order of destination. */
  readonly routes: readonly ListedRoute[];
  readonly removed: readonly Ipv4Cidr[];
}

/** A watch of the routes. */
export interface RouteWatch {
  /**
   * Returns the changes since the last call, each route in its latest state; the first
   * time all routes. Undefined if nothing has changed.
   */
  take(): RouteChanges | undefined;
  /** Returns these routes again, because something besides their status has changed. */
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
    /** True if the desired state or the kernel has changed. */
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
  /** @param wake called when there are changes, and not again until they are taken */
  watch(wake: () => void): RouteWatch;
  /** Replaces the set of desired routes; a dry run only returns the outcomes. */
  sync(
    routes: readonly StatedRoute[],
    dryRun: boolean,
    call: Call,
  ): Promise<SyncOutcome>;
}

/** A refusal with a sentence for the client. */
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
  /** Milliseconds since 1970, UTC. */
  readonly atMs: number;
  /** What failed and why. */
  readonly sentence: string;
}

/** What a sidecar has done by itself since its start. */
export interface Activity {
  /** Milliseconds since 1970, UTC. */
  readonly startedMs: number;
  /** Routes and records that it wrote or deleted because the kernel differed. */
  readonly repairs: number;
  readonly lastFailure: PastFailure | undefined;
}
