/** Facts of any node: parts of a healthy one, and what may be wrong with them. */
import fc from "fast-check";
import type { Link, LinkType, LookedUp } from "../../../src/dataplane/data_path.ts";
import type { Facts } from "../../../src/diagnose/facts.ts";
import type { ProbeResult, ProbeState } from "../../../src/diagnose/ports.ts";
import { address, cidr, device, found } from "../../support/fixtures.ts";
import {
  BRIDGE,
  entry,
  healthyNode,
  HOST,
  link,
  LO,
  lookup,
  onLink,
  PORT,
  rule,
  SECOND,
  SECOND_HOST,
  SECOND_MAC,
  settings,
  THIRD,
  THIRD_HOST,
  UNDERLAY,
  VXLAN,
} from "./healthy_node.ts";

const HEALTHY = healthyNode();
const NAMES = [LO, UNDERLAY, VXLAN, BRIDGE, PORT, device("vxlan.7")];
const HOSTS = [HOST, SECOND_HOST, THIRD_HOST, address("192.0.2.9")];

const maybe = <Value>(values: fc.Arbitrary<Value>) =>
  fc.option(values, { nil: undefined });

/** Half of the time as on the healthy node, so that findings that need much else appear. */
const orHealthy = <Value>(healthy: Value, others: fc.Arbitrary<Value>) =>
  fc.oneof(fc.constant(healthy), others);

/** Some of the healthy node's, some others, in any order. */
const mixed = <Value>(healthy: readonly Value[], others: fc.Arbitrary<Value>) =>
  orHealthy(
    healthy,
    fc.tuple(fc.subarray([...healthy]), fc.array(others, { maxLength: 4 }))
      .chain(([some, more]) =>
        fc.shuffledSubarray([...some, ...more], {
          minLength: some.length + more.length,
        })
      ),
  );

const name = fc.constantFrom(...NAMES);
const prefix = fc.constantFrom(
  ...["0.0.0.0/0", "10.0.0.0/8", "10.42.0.0/16", "10.42.1.0/24", "10.42.2.0/24"],
  ...["10.42.2.0/25", "10.42.2.7/32", "10.42.3.0/24", "192.0.2.0/24"],
).map(cidr);
const host = fc.constantFrom(...HOSTS, address("239.1.1.1"));
const anyAddress = fc.oneof(
  host,
  fc.constantFrom(
    ...["10.42.0.1", "10.42.1.1", "10.42.1.5", "10.42.2.1", "10.42.2.2", "10.42.3.9"],
  ).map(address),
);
const mac = fc.constantFrom(
  ...["", "00:00:00:00:00:00", SECOND_MAC, "02:00:00:00:00:0a", "198.51.100.1"],
);

const type: fc.Arbitrary<LinkType> = fc.oneof(
  fc.constant<LinkType>({ kind: "bridge" }),
  fc.constantFrom("", "veth", "vrf", "a b").map((name): LinkType => ({
    kind: "other",
    name,
  })),
  fc.record({
    vni: fc.constantFrom(0, 7, 100, 101),
    port: fc.constantFrom(4789, 8472),
    local: maybe(host),
    underlay: maybe(name),
  }).map((vxlan): LinkType => ({ kind: "vxlan", vxlan })),
);

/** A device with one thing or more that is not as on the healthy node. */
const anyLink: fc.Arbitrary<Link> = fc.tuple(
  name,
  fc.record({
    ifindex: fc.integer({ min: 1, max: 9 }),
    up: fc.boolean(),
    carrier: fc.boolean(),
    mtu: fc.constantFrom(60, 68, 100, 1450, 1500, 65_536),
    mac,
    master: maybe(name),
    peer: maybe(name),
    type,
  }, { requiredKeys: [] }),
).map(([name, change]) => ({ ...HEALTHY.links.get(name) ?? link(name), ...change }));

const byName = (links: readonly Link[]): Facts["links"] =>
  new Map(links.map((each) => [each.name, each]));

const links = mixed([...HEALTHY.links.values()], anyLink).map(byName);

/** Each destination is wanted, contended for and probed at most once. */
const DESTINATIONS = [SECOND, THIRD, cidr("10.42.9.0/24")];

const wanted = fc.tuple(
  ...DESTINATIONS.map((destination) =>
    maybe(
      fc.record({
        destination: fc.constant(destination),
        device: name,
        installed: fc.boolean(),
      }),
    )
  ),
).map((routes) => routes.flatMap((route) => route ?? []));

const way: fc.Arbitrary<LookedUp> = fc.oneof(
  name.map(onLink),
  name.map((through): LookedUp => ({
    kind: "through",
    device: through,
    gateway: address("198.51.100.254"),
  })),
  fc.constant<LookedUp>({ kind: "local" }),
  fc.constantFrom("No route to host", "Invalid argument")
    .map((why): LookedUp => ({ kind: "refused", why })),
);

const remembered = fc.array(
  fc.record({
    link: anyLink,
    peers: fc.subarray(HOSTS).map((hosts) => new Set(hosts)),
    proxyArp: fc.boolean(),
  }),
  { maxLength: 3 },
).map((known) => new Map(known.map((each) => [each.link.name, each])));

const contended = fc.uniqueArray(
  fc.record({
    destination: prefix,
    repairs: fc.nat(),
    protocol: maybe(fc.integer({ min: 0, max: 255 })),
    everyMs: maybe(fc.nat()),
  }),
  { selector: ({ destination }) => destination, maxLength: 3 },
);

const state: fc.Arbitrary<ProbeState> = fc.oneof(
  fc.nat(4_000).map((afterMs): ProbeState => ({ kind: "answered", afterMs })),
  fc.constantFrom<ProbeState>({ kind: "silent" }, { kind: "known" }),
  fc.constant<ProbeState>({ kind: "failed", why: "Network is down" }),
);

const probed: fc.Arbitrary<readonly ProbeResult[]> = fc.uniqueArray(
  fc.record({
    destination: fc.constantFrom(...DESTINATIONS),
    device: name,
    gateway: fc.record({ address: anyAddress, state }),
    proxied: fc.record({ address: anyAddress, state }),
  }),
  { selector: ({ destination }) => destination, maxLength: 3 },
);

/** Facts of which few or many are as they should be, and in which little fits together. */
export const anyFacts: fc.Arbitrary<Facts> = fc.record({
  policy: fc.constant(HEALTHY.policy),
  own: fc.constantFrom(HEALTHY.own, undefined),
  wanted: orHealthy(HEALTHY.wanted, wanted),
  links,
  addresses: mixed(
    HEALTHY.addresses,
    fc.record({
      device: name,
      address: anyAddress,
      prefixLength: fc.integer({ min: 0, max: 32 }),
    }),
  ),
  netconf: mixed(
    HEALTHY.netconf,
    fc.tuple(
      maybe(name),
      fc.record({
        forwarding: fc.boolean(),
        rpFilter: fc.constantFrom("off" as const, "strict" as const, "loose" as const),
        proxyArp: fc.boolean(),
      }),
    ).map(([each, variation]) => settings(each, variation)),
  ),
  rules: mixed(
    HEALTHY.rules,
    fc.tuple(
      fc.nat(40_000),
      maybe(fc.constantFrom(52, 100, 142, 253, 254, 255)),
      fc.record({
        source: maybe(prefix),
        destination: maybe(prefix),
        iif: maybe(fc.oneof(name, fc.constant("a;b"))),
        isNarrower: fc.boolean(),
      }),
    ).map(([priority, table, variation]) => rule(priority, table, variation)),
  ),
  routes: mixed(
    HEALTHY.routes,
    fc.tuple(
      prefix,
      fc.record({
        device: maybe(name),
        gateway: fc.boolean(),
        protocol: fc.constantFrom(2, 3, 142),
        metric: fc.constantFrom(0, 5),
        tos: fc.constantFrom(0, 16),
        type: fc.integer({ min: 1, max: 11 }),
      }),
    ).map(([destination, variation]) => found(destination, variation)),
  ),
  forwarding: mixed(
    HEALTHY.forwarding,
    fc.tuple(mac, host, fc.nat(9), name).map(([each, to, seconds, through]) => ({
      ...entry(each, to, seconds),
      device: through,
    })),
  ),
  neighbours: mixed(
    HEALTHY.neighbours,
    fc.record({
      device: name,
      address: anyAddress,
      mac,
      state: fc.constantFrom(
        ...["incomplete", "reachable", "stale", "delay", "probe", "failed"] as const,
        ...["noarp", "permanent", "none"] as const,
      ),
    }),
  ),
  underlay: orHealthy(
    HEALTHY.underlay,
    fc.array(fc.tuple(host, way), { maxLength: 4 }).map((ways) => new Map(ways)),
  ),
  forwarded: mixed(
    HEALTHY.forwarded,
    fc.tuple(prefix, way, name).map(([destination, result, from]) => ({
      ...lookup(destination, result),
      from,
    })),
  ),
  remembered: orHealthy(HEALTHY.remembered, remembered),
  contended,
  probed,
  notPermitted: fc.boolean(),
  otherSidecar: maybe(prefix),
  injectCommand: fc.constant(HEALTHY.injectCommand),
});
