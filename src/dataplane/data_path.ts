/**
 * What carries packets besides the routes, as the kernel shows it: devices, addresses,
 * settings, rules, the forwarding database and neighbours. Only read; the one thing that
 * is ever written of it is the neighbour entry of a probe.
 */
import type { Ipv4Address } from "../ipam/address.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "../routing/interface_name.ts";

/** A device in detail, as `ip -details link show` has it. */
export interface Link {
  readonly name: InterfaceName;
  readonly ifindex: number;
  /** Administratively up (`IFF_UP`). */
  readonly up: boolean;
  /** The layer below is up (`IFF_LOWER_UP`); always false while the device is down. */
  readonly carrier: boolean;
  /** In bytes. */
  readonly mtu: number;
  /** The link-layer address in lower case; empty if the device has none. */
  readonly mac: string;
  /** The device that this one is a port of. */
  readonly master: InterfaceName | undefined;
  /** The device that `ip` prints behind `@`: of a veth, the other end in this namespace. */
  readonly peer: InterfaceName | undefined;
  readonly type: LinkType;
}

/** What kind of device it is. */
export type LinkType =
  | { readonly kind: "bridge" }
  | { readonly kind: "vxlan"; readonly vxlan: Vxlan }
  /** `name` as `ip` prints it, e.g. `veth`; empty for a physical device. */
  | { readonly kind: "other"; readonly name: string };

/** The options of a VXLAN device, see ip-link(8). */
export interface Vxlan {
  /** The VXLAN network identifier, 0 to 2^24 - 1 (RFC 7348). */
  readonly vni: number;
  /** The UDP port that it sends to; IANA assigned 4789, the kernel's default is 8472. */
  readonly port: number;
  /** The source address of its packets, if it is set. */
  readonly local: Ipv4Address | undefined;
  /** The device that its packets leave through, if it is set. */
  readonly underlay: InterfaceName | undefined;
}

/** An IPv4 address of a device. */
export interface InterfaceAddress {
  readonly device: InterfaceName;
  readonly address: Ipv4Address;
  /** 0 to 32. */
  readonly prefixLength: number;
}

/** IPv4 settings of a device, or of all of them, as `ip netconf` shows them. */
export interface Netconf {
  /** Undefined: the values of `net.ipv4.conf.all`. */
  readonly device: InterfaceName | undefined;
  readonly forwarding: boolean;
  /** `net.ipv4.conf.*.rp_filter`: 0 off, 1 strict (RFC 3704), 2 loose. */
  readonly rpFilter: "off" | "strict" | "loose";
  /** `net.ipv4.conf.*.proxy_arp`. */
  readonly proxyArp: boolean;
}

/** A rule of `ip -4 rule`. */
export interface PolicyRule {
  /** 0 to 2^32 - 1; the lowest is looked at first. */
  readonly priority: number;
  /** Undefined: every source. */
  readonly source: Ipv4Cidr | undefined;
  /** Undefined: every destination. */
  readonly destination: Ipv4Cidr | undefined;
  /** The device that a packet came in through; any name that the kernel accepts. */
  readonly iif: string | undefined;
  /** True if it has a selector besides these: a mark, a port, a user … */
  readonly isNarrower: boolean;
  /** The table that it looks into; undefined for a rule that does something else. */
  readonly table: number | undefined;
}

/** An entry of a VXLAN device's forwarding database. */
export interface ForwardingEntry {
  readonly device: InterfaceName;
  /** All zeros: where packets for unknown addresses go, one entry for each peer. */
  readonly mac: string;
  /** The host that it forwards to; undefined for an entry of another kind. */
  readonly host: Ipv4Address | undefined;
  /** Seconds since the entry was last learned or set. */
  readonly updatedSeconds: number;
}

/** The all-zero link-layer address of an entry that floods. */
export const FLOOD_MAC = "00:00:00:00:00:00";

/**
 * The least MTU of a device with IPv4, in bytes (RFC 791). With less, a route through it
 * fails: No such device.
 */
export const LEAST_MTU = 68;

/** The state of a neighbour, `NUD_*` of rtnetlink(7). */
export type NeighbourState =
  | "incomplete"
  | "reachable"
  | "stale"
  | "delay"
  | "probe"
  | "failed"
  | "noarp"
  | "permanent"
  | "none";

/** An entry of the IPv4 neighbour table. */
export interface Neighbour {
  readonly device: InterfaceName;
  readonly address: Ipv4Address;
  /** Empty while it is not known. */
  readonly mac: string;
  readonly state: NeighbourState;
}

/** Where the FIB sends a packet. */
export type LookedUp =
  | {
    readonly kind: "through";
    readonly device: InterfaceName;
    readonly gateway: Ipv4Address | undefined;
  }
  /** To this node itself. */
  | { readonly kind: "local" }
  /** No route, or one that refuses; `why` is the kernel's message. */
  | { readonly kind: "refused"; readonly why: string };

/** Something changed that carries packets: a reason to look again, never the new state. */
export type DataPathEvent =
  /** An address, a setting, a rule, a device, or an entry of a forwarding database. */
  | { readonly kind: "changed" }
  | {
    readonly kind: "neighbour";
    readonly neighbour: Neighbour;
    readonly deleted: boolean;
  };
