/**
 * The port to the kernel: typed operations in, typed results out. No text of `ip` crosses
 * it, and no client's string becomes a command: every text in an operation is a branded
 * type, which only its parser makes, or comes from the kernel itself.
 *
 * May import: ipam, routing, shared, and types of observability.
 */
import type { Ipv4Address } from "../ipam/address.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { BlackholeType, KernelRoute, LinkState } from "../routing/kernel_route.ts";
import type { Route } from "../routing/route.ts";
import type { TraceParent } from "../shared/trace_parent.ts";
import type {
  DataPathEvent,
  ForwardingEntry,
  InterfaceAddress,
  Link,
  LookedUp,
  Neighbour,
  Netconf,
  PolicyRule,
} from "./data_path.ts";

/** Changes nothing. */
export type Read =
  /** One device, by the kernel's own look-up of its name. */
  | { readonly kind: "link"; readonly device: InterfaceName }
  /** The names of all devices; walks them. */
  | { readonly kind: "link-names" }
  /** The IPv4 rules that select the tables of a look-up. */
  | { readonly kind: "rules" }
  /** One FIB look-up of the destination's first address: no cost grows with a table. */
  | { readonly kind: "best-route"; readonly destination: Ipv4Cidr }
  /** Every route of the main table for exactly this destination; walks the table. */
  | { readonly kind: "exact-routes"; readonly destination: Ipv4Cidr }
  /** Every route of the main table inside this prefix; walks the table. */
  | { readonly kind: "routes-within"; readonly cluster: Ipv4Cidr }
  /** Our routes of every table; the kernel selects them by the protocol number. */
  | { readonly kind: "own-routes" }
  /** All entries of a table; fails until the first entry is written to it. */
  | { readonly kind: "table-routes"; readonly table: number }
  /** Every device in detail; only in a dump. */
  | { readonly kind: "links" }
  /** Every IPv4 address of every device; only in a dump. */
  | { readonly kind: "addresses" }
  /** The IPv4 settings of every device and those of all of them. */
  | { readonly kind: "netconf" }
  /** The IPv4 rules, each as it is. */
  | { readonly kind: "policy-rules" }
  /** The forwarding database of every VXLAN device; only in a dump. */
  | { readonly kind: "forwarding-table" }
  /** The IPv4 neighbours of one device. */
  | { readonly kind: "neighbours"; readonly device: InterfaceName }
  /**
   * One FIB look-up of an address: for a packet of this node, or for one that came in
   * from another one's address through a device.
   */
  | {
    readonly kind: "look-up";
    readonly address: Ipv4Address;
    readonly from?: { readonly source: Ipv4Address; readonly device: InterfaceName };
  }
  /** Always fails; as "not-permitted" only without CAP_NET_ADMIN. */
  | { readonly kind: "permission" };

/** Changes one entry of one table. Each leaves one audit record. */
export type Mutation =
  /** `add-route` fails if any route for the destination with metric 0 exists. */
  | { readonly kind: "add-route" | "replace-route"; readonly route: Route }
  /** Deletes exactly the route that was observed, by its owner, metric and TOS. */
  | { readonly kind: "delete-route"; readonly route: KernelRoute }
  /** Writes an entry; idempotent. */
  | { readonly kind: "put-entry"; readonly entry: TableEntry }
  /** Deletes an entry, whatever its payload. */
  | { readonly kind: "delete-entry"; readonly entry: TableEntry }
  /** Writes an entry if there is none; the kernel itself refuses a second one. */
  | { readonly kind: "create-entry"; readonly entry: TableEntry }
  /** Deletes an entry only if its payload is the same. */
  | { readonly kind: "delete-equal-entry"; readonly entry: TableEntry }
  /**
   * Makes the kernel ask for a neighbour's link-layer address; fails with `exists` if it
   * has an entry for it, which then stays as it is.
   */
  | { readonly kind: "probe-neighbour"; readonly probe: NeighbourProbe }
  /** Deletes the entry that a probe made. */
  | { readonly kind: "delete-neighbour"; readonly probe: NeighbourProbe };

/** A read, or a mutation with the cause that the audit log names. */
export type Operation =
  | { readonly command: Read }
  | { readonly command: Mutation; readonly cause: Cause };

/** Why a mutation is made, and for which client. */
export interface Cause {
  /** An RPC's name, or the activity of the sidecar itself, e.g. `repair`. */
  readonly rpc: string;
  /** The client's address; empty if no client caused it. */
  readonly peer: string;
  /** The subject of the client's certificate; only with mTLS. */
  readonly subject?: string;
  /** The span of the call or of the repair; only while calls are traced. */
  readonly trace?: TraceParent;
}

/** An address to ask for through a device. */
export interface NeighbourProbe {
  readonly device: InterfaceName;
  readonly address: Ipv4Address;
}

/**
 * An entry of a table that no rule names, so that it carries no packet: a prefix, its
 * kind, and six numbers.
 */
export interface TableEntry {
  readonly table: number;
  readonly type: BlackholeType;
  readonly prefix: Ipv4Cidr;
  /** Entries that differ in the metric only are different entries. */
  readonly metric: number;
  /** Six numbers, 0 to 2^32 - 1; kept as route metrics that the kernel never uses here. */
  readonly payload: readonly number[];
}

/** A route of any table, with the six numbers in its route metrics. */
export interface TableRoute {
  readonly route: KernelRoute;
  readonly payload: readonly number[];
}

/** The answer of an operation that succeeded. */
export type Answer =
  /** A mutation. */
  | { readonly kind: "done" }
  | {
    readonly kind: "link";
    /** `missing`: the name is an altname of another device. */
    readonly link: LinkState;
    /** The index of the device that answered. */
    readonly ifindex: number;
  }
  | { readonly kind: "link-names"; readonly names: ReadonlySet<string> }
  /** Undefined: a route that one look-up cannot show. */
  | { readonly kind: "best-route"; readonly route: KernelRoute | undefined }
  | { readonly kind: "routes"; readonly routes: readonly KernelRoute[] }
  | { readonly kind: "table"; readonly routes: readonly TableRoute[] }
  | { readonly kind: "links"; readonly links: readonly Link[] }
  | { readonly kind: "addresses"; readonly addresses: readonly InterfaceAddress[] }
  | { readonly kind: "netconf"; readonly settings: readonly Netconf[] }
  | { readonly kind: "policy-rules"; readonly rules: readonly PolicyRule[] }
  | { readonly kind: "forwarding-table"; readonly entries: readonly ForwardingEntry[] }
  | { readonly kind: "neighbours"; readonly neighbours: readonly Neighbour[] }
  | { readonly kind: "look-up"; readonly result: LookedUp }
  /** True if a rule can make a FIB look-up miss a route of the main table. */
  | { readonly kind: "rules"; readonly hiding: boolean };

/** Why the kernel refused an operation. */
export type FailureKind =
  /** A route with this destination and metric exists. */
  | "exists"
  /** No such route. */
  | "absent"
  /** No such device. */
  | "no-device"
  /** The device is administratively down. */
  | "link-down"
  /** CAP_NET_ADMIN is missing. */
  | "not-permitted"
  /** The FIB has no route for the address. */
  | "unreachable"
  /** Nothing was ever written to that table. */
  | "no-table"
  /** Anything else, which only the message explains. */
  | "other";

/** Why an operation failed. */
export interface Failure {
  readonly kind: FailureKind;
  /** The message of the kernel or of `ip`; may have several lines. */
  readonly message: string;
}

/** The result of one operation. */
export type OperationResult =
  | { readonly ok: true; readonly answer: Answer }
  | { readonly ok: false; readonly failure: Failure };

/** Results in the order of the operations, or none that can be trusted. */
export type BatchResult =
  | { readonly kind: "answered"; readonly results: readonly OperationResult[] }
  /** The kernel may or may not have executed the operations. */
  | Lost;

/** A batch without an answer. */
export interface Lost {
  readonly kind: "lost";
  readonly why: string;
}

/** Something changed: a reason to observe, never the actual state. */
export type KernelEvent =
  | {
    readonly kind: "route";
    readonly deleted: boolean;
    readonly destination: Ipv4Cidr;
    readonly table: number;
    readonly protocol: number;
    readonly device: InterfaceName | undefined;
    /** True if it has no attributes but destination, device, protocol and scope. */
    readonly plain: boolean;
  }
  | { readonly kind: "link"; readonly ifindex: number; readonly device: InterfaceName }
  /** A rule was added or deleted that can hide a route of the main table from look-ups. */
  | { readonly kind: "rule" }
  | { readonly kind: "events-lost"; readonly why: string }
  /** No events from now on. No reason if a stop signal ended the monitor. */
  | { readonly kind: "monitor-down"; readonly why?: string | undefined }
  /** Events again, after a moment for the subscription. */
  | { readonly kind: "monitor-up" };

/** A watch of the kernel that can be ended. */
export interface KernelWatch {
  close(): void;
}

/** The only way to the kernel. */
export interface Dataplane {
  /**
   * Runs the operations in order, as one batch. Never rejects.
   *
   * @param traces the spans that the batch is a part of, also of what only reads; default:
   * none
   */
  run(
    operations: readonly Operation[],
    traces?: readonly TraceParent[],
  ): Promise<BatchResult>;
  /** Reads large tables beside the batches, so that no call waits. Never rejects. */
  dump(reads: readonly Read[]): Promise<BatchResult>;
  /** Reports changes of links, IPv4 routes and rules. */
  watch(listener: (event: KernelEvent) => void): KernelWatch;
  /**
   * Reports changes of what carries packets besides the routes. A lost event is none that
   * anybody waits for: the listener looks at everything again now and then.
   */
  watchDataPath(listener: (event: DataPathEvent) => void): KernelWatch;
  /**
   * Waits between large batches until the reader of the audit log has caught up.
   *
   * @returns false if its reader is stuck: then there is nothing to wait for
   */
  drainAuditLog(): Promise<boolean>;
  /** Waits for the batches in flight. */
  close(): Promise<void>;
  /** Loses the batches in flight, for instance because `ip` hangs; accepts no more. */
  abort(): void;
}

/** The spans of these causes, each once. */
export function tracesOf(
  causes: Iterable<Pick<Cause, "trace">>,
): readonly TraceParent[] {
  const traces = new Map<string, TraceParent>();
  for (const { trace } of causes) {
    if (trace !== undefined) traces.set(trace.spanId, trace);
  }
  return [...traces.values()];
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

/** True for a command that changes nothing, and answers. */
export function isRead(command: Read | Mutation): command is Read {
  switch (command.kind) {
    case "add-route":
    case "replace-route":
    case "delete-route":
    case "put-entry":
    case "delete-entry":
    case "create-entry":
    case "delete-equal-entry":
    case "probe-neighbour":
    case "delete-neighbour":
      return false;
    case "link":
    case "link-names":
    case "rules":
    case "best-route":
    case "exact-routes":
    case "routes-within":
    case "own-routes":
    case "table-routes":
    case "links":
    case "addresses":
    case "netconf":
    case "policy-rules":
    case "forwarding-table":
    case "neighbours":
    case "look-up":
    case "permission":
      return true;
    default:
      return command satisfies never;
  }
}
