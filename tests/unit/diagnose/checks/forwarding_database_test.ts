import assert from "node:assert/strict";
import type { ForwardingEntry } from "../../../../src/dataplane/data_path.ts";
import { forwardingDatabaseChecks } from "../../../../src/diagnose/checks/forwarding_database.ts";
import type { Facts } from "../../../../src/diagnose/facts.ts";
import type { Ipv4Address } from "../../../../src/ipam/address.ts";
import { address, device } from "../../../support/fixtures.ts";
import { remediesOf } from "../findings.ts";
import {
  entry,
  flood,
  healthyNode,
  HOST,
  link,
  linksWith,
  linksWithout,
  SECOND_HOST,
  SECOND_MAC,
  THIRD_HOST,
  VXLAN,
  vxlanLink,
  wantedTo,
} from "../healthy_node.ts";

const SUBJECT = { kind: "device", device: VXLAN } as const;
const NOTHING_KNOWN = new Map();

function remedies(change: Partial<Facts>) {
  return remediesOf(forwardingDatabaseChecks(healthyNode(change)));
}

function learned(host: Ipv4Address): ForwardingEntry {
  return entry(SECOND_MAC, host);
}

function append(host: string): string {
  return `bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst ${host}`;
}

function peersBefore(...peers: readonly Ipv4Address[]): Facts["remembered"] {
  return new Map([[
    VXLAN,
    { link: vxlanLink(), peers: new Set(peers), proxyArp: true },
  ]]);
}

function hosts(count: number): readonly Ipv4Address[] {
  return Array.from({ length: count }, (_, at) => address(`198.51.100.${at + 2}`));
}

Deno.test("forwardingDatabaseChecks find an FDB without any peer, and leave the hosts open", () => {
  const facts = healthyNode({ forwarding: [], remembered: NOTHING_KNOWN });
  assert.deepEqual(forwardingDatabaseChecks(facts), [{
    id: "fdb-empty",
    severity: "critical",
    subject: SUBJECT,
    found: "The FDB of vxlan100 has no peer, but 2 desired routes lead through it",
    meaning: "vxlan100 drops every packet for an address that it has not learned, so " +
      "no packet reaches the 2 nodes behind vxlan100; replace HOST with the address of " +
      "a missing peer's host, which the control plane knows",
    remedy: [append("HOST")],
  }]);
});

Deno.test("forwardingDatabaseChecks take the hosts that were learned for the peers", () => {
  const forwarding = [
    learned(THIRD_HOST),
    learned(SECOND_HOST),
    learned(THIRD_HOST),
    learned(HOST),
  ];
  const facts = healthyNode({ forwarding, remembered: NOTHING_KNOWN });
  const [finding] = forwardingDatabaseChecks(facts);
  assert.equal(finding?.id, "fdb-empty");
  assert.doesNotMatch(finding?.meaning ?? "", /HOST/);
  assert.deepEqual(finding?.remedy, [append(SECOND_HOST), append(THIRD_HOST)]);
});

Deno.test("forwardingDatabaseChecks find which peers a device made anew has lost", () => {
  assert.deepEqual(forwardingDatabaseChecks(healthyNode({ forwarding: [] })), [{
    id: "fdb-lost",
    severity: "critical",
    subject: SUBJECT,
    found: "The FDB of vxlan100 has no peer left; it had 198.51.100.2, " +
      "198.51.100.3",
    meaning:
      "vxlan100 does not send packets for unknown addresses to these hosts, so " +
      "no packet reaches the nodes there, and the mesh agent does not repeat FDB " +
      "entries",
    remedy: [append(SECOND_HOST), append(THIRD_HOST)],
  }]);
});

Deno.test("forwardingDatabaseChecks find one peer of several that is gone", () => {
  const [finding, ...others] = forwardingDatabaseChecks(
    healthyNode({ forwarding: flood([THIRD_HOST]) }),
  );
  assert.deepEqual(others, []);
  assert.equal(
    finding?.found,
    "The FDB of vxlan100 has lost 1 of 2 peers: 198.51.100.2",
  );
  assert.deepEqual(finding?.remedy, [append(SECOND_HOST)]);
});

Deno.test("forwardingDatabaseChecks name eight lost peers, and put every one back", () => {
  const peers = hosts(20);
  const wanted = wantedTo(...peers.map((_, at) => at + 2));
  const remembered = peersBefore(...peers.toReversed());
  const facts = healthyNode({ forwarding: [], remembered, wanted });
  const [finding] = forwardingDatabaseChecks(facts);
  assert.match(finding?.found ?? "", /; it had 198\.51\.100\.2, .*\.9 and 12 more$/);
  assert.deepEqual(finding?.remedy, peers.map(append));
});

Deno.test("forwardingDatabaseChecks miss no peer that has left with its route", () => {
  const forwarding = flood([SECOND_HOST]);
  assert.deepEqual(remedies({ forwarding, wanted: wantedTo(2) }), []);
});

Deno.test("forwardingDatabaseChecks find fewer peers than routes where nothing tells which", () => {
  const remembered = peersBefore(SECOND_HOST);
  const facts = healthyNode({ forwarding: flood([SECOND_HOST]), remembered });
  assert.deepEqual(forwardingDatabaseChecks(facts), [{
    id: "fdb-fewer",
    severity: "warning",
    subject: SUBJECT,
    found: "vxlan100 forwards to 1 peer, but 2 desired routes lead through it",
    meaning:
      "Packets for addresses that vxlan100 has not learned do not reach 1 node " +
      "behind it, unless nodes share a host; replace HOST with the address of a missing " +
      "peer's host, which the control plane knows",
    remedy: [append("HOST")],
  }]);
  const forwarding = [
    ...flood([SECOND_HOST]),
    learned(SECOND_HOST),
    learned(THIRD_HOST),
  ];
  assert.deepEqual(remedies({ forwarding, remembered }), [
    ["fdb-fewer", [append(THIRD_HOST)]],
  ]);
});

Deno.test("forwardingDatabaseChecks name the peers that were lost and those that nobody knows", () => {
  const wanted = wantedTo(2, 3, 4);
  assert.deepEqual(remedies({ forwarding: flood([SECOND_HOST]), wanted }), [
    ["fdb-lost", [append(THIRD_HOST)]],
    ["fdb-fewer", [append("HOST")]],
  ]);
});

Deno.test("forwardingDatabaseChecks find more peers than routes: an InjectRoute was lost", () => {
  assert.deepEqual(forwardingDatabaseChecks(healthyNode({ wanted: wantedTo(2) })), [{
    id: "missing-routes",
    severity: "warning",
    subject: SUBJECT,
    found: "vxlan100 forwards to 2 peers but only 1 desired route leads through it " +
      "(10.42.2.0/24)",
    meaning:
      "No packet reaches 1 node, because its InjectRoute was lost, and the mesh " +
      "agent does not repeat a call; do not stop the agent, because it would remove the " +
      "routes that work; find the node without a route, and replace SUBNET with its " +
      "subnet, a /24 of 10.42.0.0/16",
    remedy: ["grpcurl SUBNET via vxlan100"],
  }]);
});

Deno.test("forwardingDatabaseChecks count a peer once, and this node's own host never", () => {
  const forwarding = flood([HOST, SECOND_HOST, SECOND_HOST, THIRD_HOST]);
  assert.deepEqual(remedies({ forwarding }), []);
});

Deno.test("forwardingDatabaseChecks find peers of any VXLAN device while no route is wanted", () => {
  const other = device("flannel.1");
  const links = linksWith(
    vxlanLink({}, { name: other }),
    link(device("nodes")),
  );
  const forwarding = [
    ...flood([SECOND_HOST, THIRD_HOST]),
    ...flood([SECOND_HOST], other),
    ...flood([SECOND_HOST], device("nodes")),
  ];
  const facts = healthyNode({ forwarding, links, wanted: [] });
  assert.deepEqual(
    forwardingDatabaseChecks(facts).map(({ found }) => found),
    [
      "vxlan100 forwards to 2 peers but no desired route leads through it",
      "flannel.1 forwards to 1 peer but no desired route leads through it",
    ],
  );
  // With a wanted route it is known which device is the agent's.
  assert.deepEqual(remedies({ forwarding, links }), []);
  assert.deepEqual(remedies({ forwarding: [], wanted: [] }), []);
});

Deno.test("forwardingDatabaseChecks leave a device that is missing or down to its own finding", () => {
  const down = linksWith(vxlanLink({}, { up: false, carrier: false }));
  for (const links of [down, linksWithout(VXLAN), linksWith(link(VXLAN))]) {
    assert.deepEqual(remedies({ forwarding: [], links }), []);
    assert.deepEqual(remedies({ links, wanted: [] }), []);
  }
});

Deno.test("forwardingDatabaseChecks know that a multicast group stands for all peers", () => {
  const forwarding = flood([address("239.1.1.1")]);
  assert.deepEqual(remedies({ forwarding }), []);
});
