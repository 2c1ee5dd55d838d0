/** A node of three whose traffic flows, and how a test takes a part of it away. */
import assert from "node:assert/strict";
import {
  FLOOD_MAC,
  type ForwardingEntry,
  type Link,
  type Netconf,
  type PolicyRule,
} from "../../../src/dataplane/data_path.ts";
import type { Facts, ForwardLookup } from "../../../src/diagnose/facts.ts";
import { type Ipv4Address, parseAddress } from "../../../src/ipam/address.ts";
import type { InterfaceName } from "../../../src/routing/interface_name.ts";
import { cidr, device, found } from "../../support/fixtures.ts";

export const LO = device("lo");
export const UNDERLAY = device("underlay");
export const VXLAN = device("vxlan100");
export const BRIDGE = device("quilt0");
export const PORT = device("port0");

/** The subnets of the peers, in ascending order. */
export const [SECOND, THIRD] = [cidr("10.42.2.0/24"), cidr("10.42.3.0/24")];

/** The MAC addresses of the peers' overlay devices. */
export const [SECOND_MAC, THIRD_MAC] = ["02:00:00:00:00:02", "02:00:00:00:00:03"];

/** An address known to be good. */
export function address(text: string): Ipv4Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok, `Cannot use ${text} as an address`);
  return parsed.value;
}

/** The overlay's device. */
export const VXLAN_LINK: Link = {
  name: VXLAN,
  ifindex: 3,
  up: true,
  carrier: true,
  mtu: 1450,
  mac: "02:00:00:00:00:01",
  master: undefined,
  peer: undefined,
  type: {
    kind: "vxlan",
    vxlan: {
      vni: 100,
      port: 4789,
      local: address("198.51.100.1"),
      underlay: UNDERLAY,
    },
  },
};

const LINKS: readonly Link[] = [
  {
    ...VXLAN_LINK,
    name: LO,
    ifindex: 1,
    mtu: 65_536,
    mac: "00:00:00:00:00:00",
    type: { kind: "other", name: "" },
  },
  {
    ...VXLAN_LINK,
    name: UNDERLAY,
    ifindex: 2,
    mtu: 1_500,
    mac: "02:00:00:00:01:01",
    type: { kind: "other", name: "veth" },
  },
  VXLAN_LINK,
  {
    ...VXLAN_LINK,
    name: BRIDGE,
    ifindex: 4,
    mtu: 1_500,
    mac: "02:00:00:00:02:01",
    type: { kind: "bridge" },
  },
  {
    ...VXLAN_LINK,
    name: PORT,
    ifindex: 5,
    mtu: 1_500,
    mac: "02:00:00:00:03:01",
    master: BRIDGE,
    type: { kind: "other", name: "veth" },
  },
];

const PEERS = [address("198.51.100.2"), address("198.51.100.3")] as const;

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

/** Settings of a device, or of all: forwarding is on, and everything else is off. */
export function settings(
  name: InterfaceName | undefined,
  variation: Partial<Netconf> = {},
): Netconf {
  return {
    device: name,
    forwarding: true,
    rpFilter: "off",
    proxyArp: false,
    ...variation,
  };
}

/** What the overlay's device has learned or been given; 10 s ago. */
export function entry(
  mac: string,
  host: string,
  updatedSeconds = 10,
): ForwardingEntry {
  return { device: VXLAN, mac, host: address(host), updatedSeconds };
}

/** The node has 10.42.1.0/24, and its peers 10.42.2.0/24 and 10.42.3.0/24. */
export function healthyFacts(change: Partial<Facts> = {}): Facts {
  return {
    policy: { clusterCidr: cidr("10.42.0.0/16"), nodePrefix: 24 },
    own: { subnet: cidr("10.42.1.0/24"), gateway: address("10.42.1.1") },
    wanted: [SECOND, THIRD].map((destination) => ({
      destination,
      device: VXLAN,
      installed: true,
    })),
    links: new Map(LINKS.map((link) => [link.name, link])),
    addresses: [
      { device: LO, address: address("127.0.0.1"), prefixLength: 8 },
      { device: UNDERLAY, address: address("198.51.100.1"), prefixLength: 24 },
      { device: BRIDGE, address: address("10.42.1.1"), prefixLength: 24 },
    ],
    netconf: [
      settings(undefined),
      settings(LO),
      settings(UNDERLAY),
      settings(VXLAN, { proxyArp: true }),
      settings(BRIDGE),
      settings(PORT),
    ],
    rules: DEFAULT_RULES,
    routes: [
      found(cidr("10.42.1.0/24"), { device: BRIDGE, protocol: 2 }),
      found(SECOND, { device: VXLAN }),
      found(THIRD, { device: VXLAN }),
    ],
    forwarding: [
      ...PEERS.map((host) => entry(FLOOD_MAC, host, 600)),
      entry(SECOND_MAC, "198.51.100.2"),
      entry(THIRD_MAC, "198.51.100.3"),
    ],
    neighbours: [
      {
        device: VXLAN,
        address: address("10.42.2.2"),
        mac: SECOND_MAC,
        state: "reachable",
      },
      {
        device: VXLAN,
        address: address("10.42.3.2"),
        mac: THIRD_MAC,
        state: "stale",
      },
      {
        device: VXLAN,
        address: address("198.51.100.2"),
        mac: SECOND_MAC,
        state: "stale",
      },
    ],
    underlay: new Map(
      PEERS.map((host) => [
        host,
        { kind: "through", device: UNDERLAY, gateway: undefined },
      ]),
    ),
    forwarded: [SECOND, THIRD].map((destination) => lookup(destination)),
    remembered: new Map([[
      VXLAN,
      { link: VXLAN_LINK, peers: new Set(PEERS), proxyArp: true },
    ]]),
    contended: [],
    probed: [],
    notPermitted: false,
    otherSidecar: undefined,
    injectCommand: (name) => `inject SUBNET dev ${name}`,
    ...change,
  };
}

/** The look-up of a container's packet, through the overlay or elsewhere. */
export function lookup(
  destination: ForwardLookup["destination"],
  result: ForwardLookup["result"] = {
    kind: "through",
    device: VXLAN,
    gateway: undefined,
  },
): ForwardLookup {
  return { destination, from: BRIDGE, result };
}

/** The healthy node's devices, one of them changed or new; undefined takes it away. */
export function linksWith(
  name: InterfaceName,
  change: Partial<Link> | undefined,
): Facts["links"] {
  const links = new Map(LINKS.map((link) => [link.name, link]));
  const link = links.get(name) ?? { ...VXLAN_LINK, name };
  if (change === undefined) links.delete(name);
  else links.set(name, { ...link, ...change });
  return links;
}

/** The healthy node's settings, those of some changed; undefined means all devices. */
export function netconfWith(
  ...changes: readonly (readonly [InterfaceName | undefined, Partial<Netconf>])[]
): readonly Netconf[] {
  return healthyFacts().netconf.map((each) =>
    changes.reduce(
      (changed, [name, change]) =>
        changed.device === name ? { ...changed, ...change } : changed,
      each,
    )
  );
}
