/**
 * The port to the kernel: typed operations in, typed results out. No text of `ip` crosses
 * it, and no caller's string becomes a command: every text in an operation is a branded
 * type, made by its one check, or what the kernel itself answered.
 *
 * May import: ipam, routing, shared, and types of observability.
 */
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { BlackholeType, KernelRoute, LinkState } from "../routing/kernel_route.ts";
import type { Route } from "../routing/route.ts";

/** Changes nothing. */
export type Read =
  /** One device, by the kernel's own look-up of its name. */
  | { readonly kind: "link"; readonly device: InterfaceName }
  /** The device again, if it is a bridge; otherwise an empty answer. */
  | { readonly kind: "bridge"; readonly device: InterfaceName }
  /** The names of all devices; walks them. */
  | { readonly kind: "link-names" }
  /** The IPv4 rules that say which tables a look-up goes through. */
  | { readonly kind: "rules" }
  /** One FIB look-up of the destination's first address: no cost grows with a table. */
  | { readonly kind: "best-route"; readonly destination: Ipv4Cidr }
  /** Every route of the main table for exactly this destination; walks the table. */
  | { readonly kind: "exact-routes"; readonly destination: Ipv4Cidr }
  /** Every route of the main table inside this prefix; walks the table. */
  | { readonly kind: "routes-within"; readonly cluster: Ipv4Cidr }
  /** Our routes of every table; the kernel selects them by the protocol number. */
  | { readonly kind: "own-routes" }
  /** A table with whatever anybody put there; fails while nobody did. */
  | { readonly kind: "table-routes"; readonly table: number }
  /** The forwarding database of every device; needs a dump of the family bridge. */
  | { readonly kind: "forwarding-entries" }
  /** Fails always; only without CAP_NET_ADMIN as "not-permitted". */
  | { readonly kind: "permission" };

/** Changes one entry of one table. Each leaves one audit record. */
export type Mutation =
  /** `add-route` fails if any route for the destination with metric 0 is there. */
  | { readonly kind: "add-route" | "replace-route"; readonly route: Route }
  /** Deletes exactly the route that was observed, by its owner, metric and TOS. */
  | { readonly kind: "delete-route"; readonly route: KernelRoute }
  /** Writes an entry; the same entry again is no change. */
  | { readonly kind: "put-entry"; readonly entry: TableEntry }
  /** Deletes an entry, whatever its payload. */
  | { readonly kind: "delete-entry"; readonly entry: TableEntry }
  /** Writes an entry where there is none: the kernel itself refuses a second one. */
  | { readonly kind: "create-entry"; readonly entry: TableEntry }
  /** Deletes just this entry: one of another payload stays. */
  | { readonly kind: "delete-equal-entry"; readonly entry: TableEntry };

/** A read, or a mutation with the cause that the audit log names. */
export type Operation =
  | { readonly command: Read }
  | { readonly command: Mutation; readonly cause: Cause };

/** Why a mutation is made: what asked for it, and who. */
export interface Cause {
  /** An RPC's name, or what else set the sidecar in motion, e.g. `repair`. */
  readonly rpc: string;
  /** The caller's address; empty when no caller stands behind it. */
  readonly peer: string;
  /** Whom the caller's certificate is for; only under mTLS. */
  readonly subject?: string;
}

/**
 * An entry of a table that no rule names, so that it carries no packet: a prefix, its
 * kind, and six numbers.
 */
export interface TableEntry {
  readonly table: number;
  readonly type: BlackholeType;
  readonly prefix: Ipv4Cidr;
  /** The kernel keeps entries that differ in it side by side. */
  readonly metric: number;
  /** 0 to 2^32 - 1 each; the kernel keeps them as route metrics it never uses here. */
  readonly payload: readonly number[];
}

/** A route of any table, with the six numbers that its route metrics hold. */
export interface TableRoute {
  readonly route: KernelRoute;
  readonly payload: readonly number[];
}

/** What an operation that succeeded answers. */
export type Answer =
  /** A mutation: there is nothing to tell. */
  | { readonly kind: "done" }
  | {
    readonly kind: "link";
    /** `missing`: the name is another device's second one. */
    readonly link: LinkState;
    /** The index of the device that answered. */
    readonly ifindex: number;
  }
  | { readonly kind: "bridge"; readonly isBridge: boolean }
  | { readonly kind: "link-names"; readonly names: ReadonlySet<string> }
  /** Undefined: it is of a kind that one look-up cannot show. */
  | { readonly kind: "best-route"; readonly route: KernelRoute | undefined }
  | { readonly kind: "routes"; readonly routes: readonly KernelRoute[] }
  | { readonly kind: "table"; readonly routes: readonly TableRoute[] }
  /** How many hosts each VXLAN device sends to what it has no entry for. */
  | { readonly kind: "peers"; readonly peers: ReadonlyMap<InterfaceName, number> }
  /** True if a rule can make a FIB look-up miss a route of the main table. */
  | { readonly kind: "rules"; readonly hiding: boolean };

/** Why the kernel did not do what was asked; a closed table. */
export type FailureKind =
  /** A route with this destination and metric is there already. */
  | "exists"
  /** No such route. */
  | "absent"
  /** No such device. */
  | "no-device"
  /** The device is administratively down. */
  | "link-down"
  /** CAP_NET_ADMIN is missing. */
  | "not-permitted"
  /** The FIB has no answer for the address. */
  | "unreachable"
  /** Nobody ever wrote to that table. */
  | "no-table"
  /** Anything else: the kernel's words are all there is. */
  | "other";

/** A failed operation with the kernel's words. */
export interface Failure {
  readonly kind: FailureKind;
  readonly words: string;
}

/** What became of one operation. */
export type OperationResult =
  | { readonly ok: true; readonly answer: Answer }
  | { readonly ok: false; readonly failure: Failure };

/** Results in the order of the operations, or nothing that can be believed. */
export type BatchResult =
  | { readonly kind: "answered"; readonly results: readonly OperationResult[] }
  /** What was sent may or may not have been done. */
  | Lost;

/** Nothing answered, and why. */
export interface Lost {
  readonly kind: "lost";
  readonly why: string;
}

/** Which neighbours a dump lists. */
export type Family = "inet" | "bridge";

/** A hint that something changed: when to observe, never what is true. */
export type KernelEvent =
  | {
    readonly kind: "route";
    readonly deleted: boolean;
    readonly destination: Ipv4Cidr;
    readonly table: number;
    readonly protocol: number;
    readonly device: InterfaceName | undefined;
    /** True if there is nothing in it but destination, device, owner and scope. */
    readonly plain: boolean;
  }
  | { readonly kind: "link"; readonly ifindex: number; readonly device: InterfaceName }
  /** A rule came or went that can make a FIB look-up miss a route of the main table. */
  | { readonly kind: "rule" }
  | { readonly kind: "events-lost"; readonly why: string }
  /** No events from now on; without a reason, if that is as it should be. */
  | { readonly kind: "monitor-down"; readonly why?: string | undefined }
  /** Events again, in a moment. */
  | { readonly kind: "monitor-up" };

/** A watch of the kernel that can be ended. */
export interface KernelWatch {
  close(): void;
}

/** The only way to the kernel. */
export interface Dataplane {
  /** Never rejects. The operations of one call run in order and in one piece. */
  run(operations: readonly Operation[]): Promise<BatchResult>;
  /** Walks large tables beside the batches, so that no call waits for it. Never rejects. */
  dump(reads: readonly Read[], family?: Family): Promise<BatchResult>;
  /** Follows links, IPv4 routes and rules. */
  watch(listener: (event: KernelEvent) => void): KernelWatch;
  /**
   * Between large batches: waits until the reader of the audit log has caught up.
   *
   * @returns false if nobody reads it: then there is nothing to wait for
   */
  drainAuditLog(): Promise<boolean>;
  /** Waits for the batches in flight. */
  close(): Promise<void>;
  /** Gives up the batches in flight, because of an `ip` that hangs; takes nothing more. */
  abort(): void;
}

/** The answer of a result, if it is one of this kind. */
export function answerOf<Kind extends Answer["kind"]>(
  result: OperationResult | undefined,
  kind: Kind,
): Extract<Answer, { readonly kind: Kind }> | undefined {
  return result?.ok === true && isOf(result.answer, kind) ? result.answer : undefined;
}

function isOf<Kind extends Answer["kind"]>(
  answer: Answer,
  kind: Kind,
): answer is Extract<Answer, { readonly kind: Kind }> {
  return answer.kind === kind;
}

/** True for an operation that changes nothing. */
export function isRead({ kind }: Read | Mutation): boolean {
  switch (kind) {
    case "add-route":
    case "replace-route":
    case "delete-route":
    case "put-entry":
    case "delete-entry":
    case "create-entry":
    case "delete-equal-entry":
      return false;
    default:
      return true;
  }
}
