import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "../routing/interface_name.ts";

/** Who asks, for the audit trail, and whether an answer is still wanted. */
export interface Call {
  /** The RPC's name, e.g. `InjectRoute`. */
  readonly rpc: string;
  /** The caller's connection, e.g. `127.0.0.1:40112`. */
  readonly peer: string;
  /** Whom its certificate is for, e.g. `CN=agent,O=Quilt`; only under mTLS. */
  readonly subject?: string;
  /** True once the caller has cancelled or its deadline has passed. */
  gone(): boolean;
}

/** Answered as `success=false` with this sentence in `error`. */
export interface Refusal {
  readonly kind: "refused";
  readonly sentence: string;
}

/** Answered as a gRPC status: the kernel was not touched. */
export type Undone =
  | { readonly kind: "shutting-down" }
  | { readonly kind: "queue-full" }
  | { readonly kind: "caller-gone" };

/** What became of ConfigureNodeSubnet. */
export type ConfigureOutcome =
  | {
    readonly kind: "configured";
    readonly subnet: Ipv4Cidr;
    readonly changed: boolean;
  }
  | Refusal
  | Undone;

/** What became of InjectRoute. `warnings` are for the operator, each said once. */
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
    readonly warnings: readonly string[];
  }
  | Refusal
  | Undone;

/** What became of RemoveRoute. */
export type RemoveOutcome =
  | { readonly kind: "removed"; readonly destination: Ipv4Cidr }
  | { readonly kind: "absent"; readonly destination: Ipv4Cidr }
  | Refusal
  | Undone;

/** What the gRPC services need of the node; each answer is true of the kernel. */
export interface NodeService {
  configureNodeSubnet(subnet: string, call: Call): Promise<ConfigureOutcome>;
  injectRoute(
    destination: string,
    viaInterface: string,
    call: Call,
  ): Promise<InjectOutcome>;
  removeRoute(destination: string, call: Call): Promise<RemoveOutcome>;
}
