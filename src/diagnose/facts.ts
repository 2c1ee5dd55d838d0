/** The input of the checks, all of it read at the same time. */
import type {
  ForwardingEntry,
  InterfaceAddress,
  Link,
  LookedUp,
  Neighbour,
  Netconf,
  PolicyRule,
} from "../dataplane/data_path.ts";
import type { Ipv4Address } from "../ipam/address.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { ClusterPolicy } from "../ipam/policy.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { KernelRoute } from "../routing/kernel_route.ts";
import type { Finding } from "./finding.ts";
import type { ProbeResult } from "./ports.ts";

/** A desired route, and whether the kernel has it. */
export interface WantedRoute {
  readonly destination: Ipv4Cidr;
  readonly device: InterfaceName;
  readonly installed: boolean;
}

/** Where the FIB sends a packet of a local container to a destination. */
export interface ForwardLookup {
  readonly destination: Ipv4Cidr;
  /** The device that the packet comes in through: the bridge of the containers. */
  readonly from: InterfaceName;
  readonly result: LookedUp;
}

/** An earlier state of a device, so that it can be created again. */
export interface KnownDevice {
  /** As it was when it was last seen. */
  readonly link: Link;
  /** Hosts that it flooded to while it had at least as many as routes. */
  readonly peers: ReadonlySet<Ipv4Address>;
  /** True if proxy_arp was on. */
  readonly proxyArp: boolean;
}

/** Another process that keeps changing a destination's route. */
export interface Contention {
  readonly destination: Ipv4Cidr;
  /** How often it was repaired in a row. */
  readonly repairs: number;
  /** rtnetlink(7) `rtm_protocol` of what it wrote; undefined if it only deletes. */
  readonly protocol: number | undefined;
  /** Milliseconds between two of its changes, the median; undefined if unknown. */
  readonly everyMs: number | undefined;
}

/** Everything that a diagnosis knows. */
export interface Facts {
  readonly policy: ClusterPolicy;
  /** The node's own subnet and its gateway; undefined until ConfigureNodeSubnet. */
  readonly own:
    | { readonly subnet: Ipv4Cidr; readonly gateway: Ipv4Address }
    | undefined;
  /** In ascending order of destination. */
  readonly wanted: readonly WantedRoute[];
  readonly links: ReadonlyMap<InterfaceName, Link>;
  readonly addresses: readonly InterfaceAddress[];
  readonly netconf: readonly Netconf[];
  readonly rules: readonly PolicyRule[];
  /** The main table's routes inside the cluster CIDR. */
  readonly routes: readonly KernelRoute[];
  readonly forwarding: readonly ForwardingEntry[];
  /** Those of the overlay's devices. */
  readonly neighbours: readonly Neighbour[];
  /** The way to each host that an overlay device floods to. */
  readonly underlay: ReadonlyMap<Ipv4Address, LookedUp>;
  /** A sample: bounded, because one look-up a route would cost too much. */
  readonly forwarded: readonly ForwardLookup[];
  readonly remembered: ReadonlyMap<InterfaceName, KnownDevice>;
  readonly contended: readonly Contention[];
  /** The latest probe of each destination; empty without --probe-interval. */
  readonly probed: readonly ProbeResult[];
  /** True if CAP_NET_ADMIN is missing. */
  readonly notPermitted: boolean;
  /** An entry that a second sidecar wrote into our state table. */
  readonly otherSidecar: Ipv4Cidr | undefined;
  /** The command that requests a missing route: a grpcurl line with SUBNET, by device. */
  readonly injectCommand: (device: InterfaceName) => string;
}

/** A check: pure, and blind to all but the facts. */
export type Check = (facts: Facts) => readonly Finding[];
