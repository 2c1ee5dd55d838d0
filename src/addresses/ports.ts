import type { Ipv4Address } from "../ipam/address.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Owner } from "../ipam/owner.ts";
import type { Call, NotExecuted, Refusal } from "../reconcile/ports.ts";

/** Which addresses belong to this node. */
export interface NodeNetwork {
  readonly clusterCidr: Ipv4Cidr;
  /** Undefined until ConfigureNodeSubnet has set it. */
  readonly configured: ConfiguredNetwork | undefined;
}

/** What ConfigureNodeSubnet set. */
export interface ConfiguredNetwork {
  readonly subnet: Ipv4Cidr;
  readonly gateway: Ipv4Address;
  /** Grows with each change of the subnet, also over restarts. */
  readonly revision: number;
}

/** An address with the name of its owner; undefined if the name was lost. */
export interface OwnedAddress {
  readonly address: Ipv4Address;
  readonly owner: Owner | undefined;
}

/** Answered as a gRPC status with this sentence. */
export interface AddressRefusal {
  readonly kind: "refused";
  readonly reason:
    /** The request can never succeed. */
    | "invalid"
    /** It may, once something else is done. */
    | "not-ready"
    /** Every address is taken. */
    | "exhausted"
    /** This address is taken, or the owner has another one. */
    | "taken"
    /** The kernel did not answer, so the state is unknown. */
    | "lost"
    /** The kernel refused. */
    | "failed";
  readonly sentence: string;
}

/** The outcome of ConfigureNodeSubnet. */
export type ConfigureOutcome =
  | {
    readonly kind: "configured";
    readonly subnet: Ipv4Cidr;
    readonly changed: boolean;
  }
  | Refusal
  | NotExecuted;

/** The outcome of AllocateAddress. */
export type AllocateOutcome =
  | {
    readonly kind: "allocated";
    readonly allocated: OwnedAddress;
    readonly network: NodeNetwork;
    /** False if the owner had it already. */
    readonly changed: boolean;
  }
  | AddressRefusal
  | NotExecuted;

/** The outcome of ReleaseAddress. */
export type ReleaseOutcome =
  | { readonly kind: "released"; readonly released: OwnedAddress }
  /** It was not allocated. */
  | { readonly kind: "absent" }
  | AddressRefusal
  | NotExecuted;

/** The outcome of ListAddresses. */
export type ListOutcome =
  | {
    readonly kind: "listed";
    /** In ascending order. */
    readonly addresses: readonly OwnedAddress[];
    /** How many more can be allocated. */
    readonly free: number;
  }
  | AddressRefusal
  | NotExecuted;

/** What ReleaseAddress is asked to release, as the caller wrote it. */
export type ReleaseTarget =
  | { readonly kind: "address"; readonly text: string }
  | { readonly kind: "owner"; readonly text: string }
  | { readonly kind: "none" };

/** The port of the node's network for the API. Each success was confirmed by the kernel. */
export interface NodeNetworkService {
  configureNodeSubnet(subnet: string, call: Call): Promise<ConfigureOutcome>;
  /** @param address the wanted one; empty: the next free one */
  allocateAddress(owner: string, address: string, call: Call): Promise<AllocateOutcome>;
  releaseAddress(target: ReleaseTarget, call: Call): Promise<ReleaseOutcome>;
  listAddresses(call: Call): Promise<ListOutcome>;
  /** Waits until the state of an earlier process is restored. */
  nodeNetwork(): Promise<NodeNetwork>;
  /** The outcome of the last ConfigureNodeSubnet since the start, if there was one. */
  lastConfigure(): ConfigureOutcome | undefined;
  /**
   * Calls back with the present network, as soon as it is known, and after each change.
   *
   * @returns ends it
   */
  watchNodeNetwork(listener: (network: NodeNetwork) => void): () => void;
}
