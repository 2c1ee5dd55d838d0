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
import type { Facts, WantedRoute } from "../../../src/diagnose/facts.ts";
import { type Ipv4Address, parseAddress } from "../../../src/ipam/address.ts";
import type { InterfaceName } from "../../../src/routing/interface_name.ts";
import { cidr, device, found } from "../../support/fixtures.ts";

/** An IPv4 address known to be good. */
export function address(text: string): Ipv4Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(`Cannot use ${text} as an address`);
  return parsed.value;
}

/** The names of the node's devices. */
export const [LO, UNDERLAY, QUILT, VXLAN] = [
  device("lo"),
  device("underlay"),
  device("quilt0"),
  device("vxlan100"),
];

/** The hosts of this node and of its two peers, which have 10.42.2.0/24 and 10.42.3.0/24. */
export const [HOST, PEER2, PEER3] = [
  address("198.51.100.1"),
  address("198.51.100.2"),
  address("198.51.100.3"),
];

/** How a missing route is asked for. */
export function injectCommand(through: InterfaceName): string {
  return `grpcurl SUBNET via ${through}`;
}

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

/** The links of the healthy node, those given in the place of theirs or besides. */
export function linksWith(
  ...changed: readonly Link[]
): ReadonlyMap<InterfaceName, Link> {
  const usual = [
    link(LO, { ifindex: 1, mtu: 65_536, mac: "00:00:00:00:00:00" }),
    link(UNDERLAY, { ifindex: 2, mac: "02:00:00:00:00:02" }),
    link(QUILT, { ifindex: 3, mac: "02:00:00:00:00:03", type: { kind: "bridge" } }),
    vxlanLink(),
  ];
  return new Map([...usual, ...changed].map((link) => [link.name, link]));
}

/** The same without one. */
export function linksWithout(
  name: InterfaceName,
  ...changed: readonly Link[]
): ReadonlyMap<InterfaceName, Link> {
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

/** Entries that flood to hosts, of vxlan100 or of another device. */
export function flood(
  hosts: readonly Ipv4Address[],
  through = VXLAN,
): readonly ForwardingEntry[] {
  return hosts.map((host) => ({
    device: through,
    mac: FLOOD_MAC,
    host,
    updatedSeconds: 60,
  }));
}

/** An entry that vxlan100 has learned from a packet of a host. */
export function learned(host: Ipv4Address): ForwardingEntry {
  return { device: VXLAN, mac: "02:00:00:00:02:00", host, updatedSeconds: 5 };
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
  addressOn(QUILT, "10.42.1.1", 24),
];

/** A way on the link of a device. */
export function onLink(device: InterfaceName): LookedUp {
  return { kind: "through", device, gateway: undefined };
}

const settings = (device: InterfaceName | undefined, proxyArp = false): Netconf => ({
  device,
  forwarding: true,
  rpFilter: "off",
  proxyArp,
});

const rule = (priority: number, table: number): PolicyRule => ({
  priority,
  source: undefined,
  destination: undefined,
  iif: undefined,
  isNarrower: false,
  table,
});

const WANTED = wantedTo(2, 3);

/** Two peers, both with their entry in the FDB and with their route. */
export function healthyNode(change: Partial<Facts> = {}): Facts {
  return {
    policy: { clusterCidr: cidr("10.42.0.0/16"), nodePrefix: 24 },
    own: { subnet: cidr("10.42.1.0/24"), gateway: address("10.42.1.1") },
    wanted: WANTED,
    links: linksWith(),
    addresses: ADDRESSES,
    netconf: [
      settings(undefined),
      settings(LO),
      settings(UNDERLAY),
      settings(QUILT),
      settings(VXLAN, true),
    ],
    rules: [rule(0, 255), rule(32_766, 254), rule(32_767, 253)],
    routes: [
      found(cidr("10.42.1.0/24"), { device: QUILT, protocol: 2 }),
      ...WANTED.map(({ destination, device }) => found(destination, { device })),
    ],
    forwarding: flood([PEER2, PEER3]),
    neighbours: [
      {
        device: VXLAN,
        address: address("10.42.2.1"),
        mac: "02:00:00:00:02:00",
        state: "reachable",
      },
    ],
    underlay: new Map([[PEER2, onLink(UNDERLAY)], [PEER3, onLink(UNDERLAY)]]),
    forwarded: WANTED.map(({ destination }) => ({
      destination,
      from: QUILT,
      result: onLink(VXLAN),
    })),
    remembered: new Map([[
      VXLAN,
      { link: vxlanLink(), peers: new Set([PEER2, PEER3]), proxyArp: true },
    ]]),
    contended: [],
    probed: [],
    notPermitted: false,
    otherSidecar: undefined,
    injectCommand,
    ...change,
  };
}
