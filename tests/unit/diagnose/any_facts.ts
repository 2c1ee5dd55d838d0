/** Facts of any node: parts of a healthy one, and what may be wrong with them. */
import fc from "fast-check";
import type { Link } from "../../../src/dataplane/data_path.ts";
import type { Facts } from "../../../src/diagnose/facts.ts";
import { cidr, device, found } from "../../support/fixtures.ts";
import {
  address,
  BRIDGE,
  entry,
  healthyFacts,
  LO,
  lookup,
  PORT,
  rule,
  SECOND,
  settings,
  THIRD,
  UNDERLAY,
  VXLAN,
  VXLAN_LINK,
} from "./healthy_facts.ts";

const HEALTHY = healthyFacts();

const name = fc.constantFrom(LO, UNDERLAY, VXLAN, BRIDGE, PORT, device("wg.0"));
const prefix = fc.constantFrom(
  ...["0.0.0.0/0", "10.0.0.0/8", "10.42.0.0/16", "10.42.1.0/24", "10.42.2.0/24"],
  ...["10.42.2.0/25", "10.42.2.7/32", "10.42.3.0/24", "192.0.2.0/24"],
).map(cidr);
const host = fc.constantFrom(
  ...["10.42.0.1", "10.42.1.1", "10.42.1.5", "10.42.2.1", "10.42.2.2", "10.42.3.9"],
  ...["198.51.100.1", "198.51.100.2"],
).map(address);
const mac = fc.constantFrom(
  ...["", "00:00:00:00:00:00", "02:00:00:00:00:02", "02:00:00:00:00:0a"],
);
const length = fc.integer({ min: 0, max: 32 });
const maybe = <Value>(values: fc.Arbitrary<Value>) =>
  fc.option(values, { nil: undefined });

const result = fc.oneof(
  name.map((through) => ({
    kind: "through" as const,
    device: through,
    gateway: undefined,
  })),
  fc.constant({ kind: "local" as const }),
  fc.constant({
    kind: "refused" as const,
    why: "RTNETLINK answers:\nNo route to host",
  }),
);

const link = fc.record({
  name,
  up: fc.boolean(),
  carrier: fc.boolean(),
  mac,
  master: maybe(name),
  type: fc.oneof(
    fc.constant({ kind: "bridge" as const }),
    fc.constantFrom("veth", "vrf", "").map((each) => ({
      kind: "other" as const,
      name: each,
    })),
    fc.constant(VXLAN_LINK.type),
  ),
}).map((change): Link => ({ ...VXLAN_LINK, ...change }));

/** Some of the healthy node's, some others, in any order. */
function mixed<Value>(healthy: readonly Value[], others: fc.Arbitrary<Value>) {
  return fc.tuple(fc.subarray([...healthy]), fc.array(others, { maxLength: 4 }))
    .chain(([some, more]) =>
      fc.shuffledSubarray([...some, ...more], {
        minLength: some.length + more.length,
      })
    );
}

/** Each destination is wanted, and contended for, at most once. */
const wanted = fc.tuple(
  ...[SECOND, THIRD, cidr("10.42.9.0/24")].map((destination) =>
    maybe(fc.record({
      destination: fc.constant(destination),
      device: name,
      installed: fc.boolean(),
    }))
  ),
).map((routes) => routes.flatMap((route) => route ?? []));

const contended = fc.uniqueArray(
  fc.record({
    destination: prefix,
    repairs: fc.nat(),
    protocol: maybe(fc.integer({ min: 0, max: 255 })),
    everyMs: maybe(fc.nat()),
  }),
  { selector: ({ destination }) => destination, maxLength: 3 },
);

export const anyFacts: fc.Arbitrary<Facts> = fc.record({
  policy: fc.constant(HEALTHY.policy),
  own: fc.constantFrom(HEALTHY.own, undefined),
  probed: fc.constant([]),
  wanted: fc.oneof(fc.constant(HEALTHY.wanted), wanted),
  links: mixed([...HEALTHY.links.values()], link)
    .map((links) => new Map(links.map((each) => [each.name, each]))),
  addresses: mixed(
    HEALTHY.addresses,
    fc.record({ device: name, address: host, prefixLength: length }),
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
    fc.tuple(mac, host, fc.nat(9)).map(([each, to, seconds]) =>
      entry(each, to, seconds)
    ),
  ),
  neighbours: mixed(
    HEALTHY.neighbours,
    fc.record({
      device: name,
      address: host,
      mac,
      state: fc.constantFrom(
        ...["incomplete", "reachable", "stale", "delay", "probe", "failed"] as const,
        ...["noarp", "permanent", "none"] as const,
      ),
    }),
  ),
  underlay: fc.constantFrom(HEALTHY.underlay, new Map()),
  forwarded: mixed(
    HEALTHY.forwarded,
    fc.tuple(prefix, result, name).map(([destination, way, from]) => ({
      ...lookup(destination, way),
      from,
    })),
  ),
  remembered: fc.constantFrom(HEALTHY.remembered, new Map()),
  contended,
  notPermitted: fc.boolean(),
  otherSidecar: maybe(prefix),
  injectCommand: fc.constant(HEALTHY.injectCommand),
});
