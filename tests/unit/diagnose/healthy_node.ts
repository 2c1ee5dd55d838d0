/** The facts of a node through which all traffic flows, and changes of them. */
import {
  FLOOD_MAC,
  type ForwardingEntry,
  type InterfaceAddress,
  type Link,
  type LookedUp,
  type Netconf,
  type PolicyRule,
  type Vxlan,
} from "../../../src/dataplane/data_path.ts";
import type { Facts, ForwardLookup, WantedRoute } from "../../../src/diagnose/facts.ts";
import type { Ipv4Address } from "../../../src/ipam/address.ts";
import type { Ipv4Cidr } from "../../../src/ipam/cidr.ts";
import type { InterfaceName } from "../../../src/routing/interface_name.ts";
import { address, cidr, device, found } from "../../support/fixtures.ts";

/** The node's devices. The bridge has a port, where a container is. */
export const [LO, UNDERLAY, VXLAN, BRIDGE, PORT] = [
  device("lo"),
  device("underlay"),
  device("vxlan100"),
  device("quilt0"),
  device("port0"),
];

/** The subnets of the second and the third node; this one has 10.42.1.0/24. */
export const [SECOND, THIRD] = [cidr("10.42.2.0/24"), cidr("10.42.3.0/24")];

/** The hosts of this node and of its two peers. */
export const [HOST, SECOND_HOST, THIRD_HOST] = [
  address("198.51.100.1"),
  address("198.51.100.2"),
  address("198.51.100.3"),
];

/** The MAC addresses of the peers' overlay devices. */
export const [SECOND_MAC, THIRD_MAC] = ["02:00:00:00:00:02", "02:00:00:00:00:03"];

/** A link that is up, or a variation of it. */
export function link(name: InterfaceName, variation: Partial<Link> = {}): Link {
  return {
    name,
    ifindex: 9,
    up: true,
    carrier: true,
    mtu: 1500,
    mac: "02:00:00:00:00:09",
    master: undefined,
    peer: undefined,
    type: { kind: "other", name: "" },
    ...variation,
  };
}

/** vxlan100 with its options, or a variation of these. */
export function vxlanLink(
  options: Partial<Vxlan> = {},
  variation: Partial<Link> = {},
): Link {
  const usual = { vni: 100, port: 4789, local: HOST, underlay: UNDERLAY };
  return link(VXLAN, {
    ifindex: 4,
    mtu: 1450,
    mac: "02:00:00:00:01:00",
    type: { kind: "vxlan", vxlan: { ...usual, ...options } },
    ...variation,
  });
}

/** quilt0, or a variation of it. */
export function bridgeLink(variation: Partial<Link> = {}): Link {
  return link(BRIDGE, {
    ifindex: 3,
    mac: "02:00:00:00:02:01",
    type: { kind: "bridge" },
    ...variation,
  });
}

/** The links of the healthy node, those given in the place of theirs or besides. */
export function linksWith(...changed: readonly Link[]): Facts["links"] {
  const usual = [
    link(LO, { ifindex: 1, mtu: 65_536, mac: "00:00:00:00:00:00" }),
    link(UNDERLAY, { ifindex: 2, mac: "02:00:00:00:01:01" }),
    bridgeLink(),
    vxlanLink(),
    link(PORT, { ifindex: 5, master: BRIDGE, type: { kind: "other", name: "veth" } }),
  ];
  return new Map([...usual, ...changed].map((link) => [link.name, link]));
}

/** The same without one. */
export function linksWithout(
  name: InterfaceName,
  ...changed: readonly Link[]
): Facts["links"] {
  const links = new Map(linksWith(...changed));
  links.delete(name);
  return links;
}

/** Routes that the agent asked for, through vxlan100: `10.42.<octet>.0/24`. */
export function wantedTo(...octets: readonly number[]): readonly WantedRoute[] {
  return octets.map((octet) => ({
    destination: cidr(`10.42.${octet}.0/24`),
    device: VXLAN,
    installed: true,
  }));
}

/** What a VXLAN device has learned from a host, or been given, 10 s ago. */
export function entry(
  mac: string,
  host: Ipv4Address,
  updatedSeconds = 10,
): ForwardingEntry {
  return { device: VXLAN, mac, host, updatedSeconds };
}

/** Entries that flood to hosts, of vxlan100 or of another device. */
export function flood(
  hosts: readonly Ipv4Address[],
  through = VXLAN,
): readonly ForwardingEntry[] {
  return hosts.map((host) => ({ ...entry(FLOOD_MAC, host, 600), device: through }));
}

/** The address of a device. */
export function addressOn(
  device: InterfaceName,
  dottedQuad: string,
  prefixLength: number,
): InterfaceAddress {
  return { device, address: address(dottedQuad), prefixLength };
}

/** The addresses of the healthy node. */
export const ADDRESSES: readonly InterfaceAddress[] = [
  addressOn(LO, "127.0.0.1", 8),
  addressOn(UNDERLAY, HOST, 24),
  addressOn(BRIDGE, "10.42.1.1", 24),
];

/** Settings of a device, or of all: forwarding is on, and everything else is off. */
export function settings(
  device: InterfaceName | undefined,
  variation: Partial<Netconf> = {},
): Netconf {
  return { device, forwarding: true, rpFilter: "off", proxyArp: false, ...variation };
}

const NETCONF: readonly Netconf[] = [
  settings(undefined),
  settings(LO),
  settings(UNDERLAY),
  settings(VXLAN, { proxyArp: true }),
  settings(BRIDGE),
  settings(PORT),
];

/** The healthy node's settings, those of some changed; undefined means all devices. */
export function netconfWith(
  ...changes: readonly (readonly [InterfaceName | undefined, Partial<Netconf>])[]
): readonly Netconf[] {
  return NETCONF.map((each) =>
    changes.reduce(
      (changed, [name, change]) =>
        changed.device === name ? { ...changed, ...change } : changed,
      each,
    )
  );
}

/** A rule for every packet, or a variation of it. */
export function rule(
  priority: number,
  table: number | undefined,
  variation: Partial<PolicyRule> = {},
): PolicyRule {
  return {
    priority,
    source: undefined,
    destination: undefined,
    iif: undefined,
    isNarrower: false,
    table,
    ...variation,
  };
}

/** The rules that every network namespace begins with. */
export const DEFAULT_RULES: readonly [PolicyRule, PolicyRule, PolicyRule] = [
  rule(0, 255),
  rule(32_766, 254),
  rule(32_767, 253),
];

/** A way on the link of a device. */
export function onLink(device: InterfaceName): LookedUp {
  return { kind: "through", device, gateway: undefined };
}

/** The look-up of a container's packet, through the overlay or elsewhere. */
export function lookup(
  destination: Ipv4Cidr,
  result: LookedUp = onLink(VXLAN),
): ForwardLookup {
  return { destination, from: BRIDGE, result };
}

const WANTED = wantedTo(2, 3);

/** Two peers, both with their entry in the FDB and with their route. */
export function healthyNode(change: Partial<Facts> = {}): Facts {
  const ofOverlay = { device: VXLAN };
  return {
    policy: { clusterCidr: cidr("10.42.0.0/16"), nodePrefix: 24 },
    own: { subnet: cidr("10.42.1.0/24"), gateway: address("10.42.1.1") },
    wanted: WANTED,
    links: linksWith(),
    addresses: ADDRESSES,
    netconf: NETCONF,
    rules: DEFAULT_RULES,
    routes: [
      found(cidr("10.42.1.0/24"), { device: BRIDGE, protocol: 2 }),
      ...WANTED.map(({ destination, device }) => found(destination, { device })),
    ],
    forwarding: [
      ...flood([SECOND_HOST, THIRD_HOST]),
      entry(SECOND_MAC, SECOND_HOST),
      entry(THIRD_MAC, THIRD_HOST),
    ],
    neighbours: [
      {
        ...ofOverlay,
        address: address("10.42.2.2"),
        mac: SECOND_MAC,
        state: "reachable",
      },
      { ...ofOverlay, address: address("10.42.3.2"), mac: THIRD_MAC, state: "stale" },
      { ...ofOverlay, address: SECOND_HOST, mac: SECOND_MAC, state: "stale" },
    ],
    underlay: new Map(
      [SECOND_HOST, THIRD_HOST].map((host) => [host, onLink(UNDERLAY)]),
    ),
    forwarded: WANTED.map(({ destination }) => lookup(destination)),
    remembered: new Map([[
      VXLAN,
      {
        link: vxlanLink(),
        peers: new Set([SECOND_HOST, THIRD_HOST]),
        proxyArp: true,
      },
    ]]),
    contended: [],
    probed: [],
    notPermitted: false,
    otherSidecar: undefined,
    injectCommand: (through) => `grpcurl SUBNET via ${through}`,
    ...change,
  };
}
