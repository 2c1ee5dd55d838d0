/** Nodes with anything of what a check may meet, and what holds of each check then. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Link, LinkType, LookedUp } from "../../../src/dataplane/data_path.ts";
import type { Check, Facts } from "../../../src/diagnose/facts.ts";
import { keyOf } from "../../../src/diagnose/finding.ts";
import { cidr, device } from "../../support/fixtures.ts";
import {
  address,
  ADDRESSES,
  addressOn,
  flood,
  healthyNode,
  HOST,
  learned,
  link,
  LO,
  onLink,
  PEER2,
  PEER3,
  QUILT,
  UNDERLAY,
  VXLAN,
} from "./healthy_node.ts";

const OTHER = device("vxlan.7");
const NAMES = [LO, UNDERLAY, QUILT, VXLAN, OTHER];
const HOSTS = [HOST, PEER2, PEER3, address("192.0.2.9"), address("239.1.1.1")];

const name = fc.constantFrom(...NAMES);
const maybeName = fc.option(name, { nil: undefined });
const host = fc.constantFrom(...HOSTS);

const type: fc.Arbitrary<LinkType> = fc.oneof(
  fc.constant<LinkType>({ kind: "bridge" }),
  fc.constantFrom("", "veth", "ifb", "a b").map((name): LinkType => ({
    kind: "other",
    name,
  })),
  fc.record({
    vni: fc.constantFrom(0, 7, 100, 101),
    port: fc.constantFrom(4789, 8472),
    local: fc.option(host, { nil: undefined }),
    underlay: maybeName,
  }).map((vxlan): LinkType => ({ kind: "vxlan", vxlan })),
);

const links: fc.Arbitrary<readonly Link[]> = fc.subarray(NAMES).chain((names) =>
  fc.tuple(...names.map((name) =>
    fc.record({
      ifindex: fc.integer({ min: 1, max: 9 }),
      up: fc.boolean(),
      carrier: fc.boolean(),
      mtu: fc.constantFrom(60, 68, 100, 1450, 1500, 65_536),
      mac: fc.constantFrom("", "00:00:00:00:00:00", "02:00:00:00:01:00"),
      master: maybeName,
      peer: maybeName,
      type,
    }).map((variation) => link(name, variation))
  ))
);

const way: fc.Arbitrary<LookedUp> = fc.oneof(
  fc.constant<LookedUp>({ kind: "local" }),
  fc.constant<LookedUp>({ kind: "refused", why: "No route to host" }),
  name.map(onLink),
);

/** Facts in which little fits together. */
const node: fc.Arbitrary<Facts> = fc.record({
  links,
  known: links,
  wanted: fc.uniqueArray(
    fc.record({ octet: fc.integer({ min: 2, max: 9 }), device: name }),
    { selector: ({ octet }) => octet, maxLength: 6 },
  ),
  floods: fc.array(fc.tuple(host, name)),
  learned: fc.subarray(HOSTS),
  peers: fc.subarray(HOSTS),
  ways: fc.array(fc.tuple(host, way)),
  addresses: fc.subarray([...ADDRESSES, addressOn(OTHER, "192.0.2.9", 32)]),
  proxyArp: fc.boolean(),
}).map(({ addresses, floods, known, links, peers, proxyArp, wanted, ways, ...rest }) =>
  healthyNode({
    links: new Map(links.map((link) => [link.name, link])),
    wanted: wanted.map(({ device, octet }) => ({
      destination: cidr(`10.42.${octet}.0/24`),
      device,
      installed: true,
    })),
    forwarding: [
      ...floods.flatMap(([host, name]) => flood([host], name)),
      ...rest.learned.map(learned),
    ],
    underlay: new Map(ways),
    addresses,
    remembered: new Map(
      known.map((link) => [link.name, { link, peers: new Set(peers), proxyArp }]),
    ),
  })
);

/** What a remedy's line consists of: nothing that a shell would take for its own. */
const LINE = /^(?:ip|bridge|sysctl|grpcurl) [A-Za-z0-9 ./:=_-]+$/;

/** @throws if the check throws, repeats a finding or has no sentence for one */
export function assertSound(check: Check): void {
  fc.assert(fc.property(node, (facts) => {
    const findings = check(facts);
    const keys = findings.map(keyOf);
    assert.deepEqual(keys, [...new Set(keys)]);
    for (const { found, meaning, remedy } of findings) {
      for (const sentence of [found, meaning]) {
        assert.match(sentence, /^\S.*[^\s.]$/);
        assert.doesNotMatch(sentence, /undefined|NaN|Infinity|\[object/);
      }
      for (const line of remedy) assert.match(line, LINE);
    }
  }));
}
