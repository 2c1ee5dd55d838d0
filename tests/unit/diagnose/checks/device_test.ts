import assert from "node:assert/strict";
import { deviceChecks } from "../../../../src/diagnose/checks/device.ts";
import type { Facts } from "../../../../src/diagnose/facts.ts";
import { device } from "../../../support/fixtures.ts";
import { remediesOf } from "../findings.ts";
import {
  ADDRESSES,
  addressOn,
  BRIDGE,
  healthyNode,
  HOST,
  link,
  linksWith,
  linksWithout,
  LO,
  SECOND_HOST,
  THIRD_HOST,
  UNDERLAY,
  VXLAN,
  vxlanLink,
  wantedTo,
} from "../healthy_node.ts";

const SUBJECT = { kind: "device", device: VXLAN } as const;

function remedies(change: Partial<Facts>) {
  return remediesOf(deviceChecks(healthyNode(change)));
}

/** Facts of a device that is known from before, or of one that is not. */
function knownAs(link = vxlanLink(), proxyArp = true) {
  return new Map([[link.name, {
    link,
    peers: new Set([THIRD_HOST, SECOND_HOST]),
    proxyArp,
  }]]);
}

Deno.test("deviceChecks find nothing where no route is wanted", () => {
  assert.deepEqual(remedies({ wanted: [], links: linksWithout(VXLAN) }), []);
});

Deno.test("deviceChecks find a device that is missing, and make it as it was", () => {
  assert.deepEqual(deviceChecks(healthyNode({ links: linksWithout(VXLAN) })), [{
    id: "device-missing",
    severity: "critical",
    subject: SUBJECT,
    found: "vxlan100 does not exist, but 2 desired routes lead through it",
    meaning: "No packet reaches the 2 nodes behind vxlan100",
    remedy: [
      "ip link add vxlan100 address 02:00:00:00:01:00 type vxlan id 100 " +
      "dstport 4789 local 198.51.100.1 dev underlay",
      "ip link set dev vxlan100 mtu 1450",
      "ip link set dev vxlan100 up",
      "bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.2",
      "bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.3",
      "sysctl -w net.ipv4.conf.vxlan100.proxy_arp=1",
    ],
  }]);
});

Deno.test("deviceChecks count one route and one node", () => {
  const links = linksWithout(VXLAN);
  const [finding] = deviceChecks(healthyNode({ links, wanted: wantedTo(2) }));
  assert.equal(
    finding?.found,
    "vxlan100 does not exist, but 1 desired route leads through it",
  );
  assert.equal(finding?.meaning, "No packet reaches the node behind vxlan100");
});

Deno.test("deviceChecks make a missing device without the underlay that went with it", () => {
  const links = new Map(linksWithout(VXLAN));
  links.delete(UNDERLAY);
  const [finding] = deviceChecks(healthyNode({ links }));
  assert.equal(
    finding?.found,
    "vxlan100 does not exist because underlay, which it sent through, does not " +
      "exist either, but 2 desired routes lead through it",
  );
  assert.equal(
    finding?.remedy[0],
    "ip link add vxlan100 address 02:00:00:00:01:00 type vxlan id 100 dstport 4789 " +
      "local 198.51.100.1",
  );
});

Deno.test("deviceChecks make a missing device of which only the name is known with this node's address", () => {
  const remembered = new Map();
  assert.deepEqual(remedies({ links: linksWithout(VXLAN), remembered }), [[
    "device-missing",
    [
      "ip link add vxlan100 type vxlan id 100 dstport 4789 local 198.51.100.1 " +
      "dev underlay",
      "ip link set dev vxlan100 up",
    ],
  ]]);
  const addresses = [addressOn(LO, HOST, 32)];
  const [finding] = deviceChecks(
    healthyNode({ addresses, links: linksWithout(VXLAN), remembered }),
  );
  assert.match(finding?.remedy[0] ?? "", /local 198\.51\.100\.1$/);
});

Deno.test("deviceChecks leave open what nothing tells about a missing device", () => {
  const name = device("overlay");
  const facts = healthyNode({
    wanted: wantedTo(2).map((route) => ({ ...route, device: name })),
    addresses: [...ADDRESSES, addressOn(UNDERLAY, "203.0.113.1", 24)],
  });
  const [finding] = deviceChecks(facts);
  assert.deepEqual(finding?.remedy, [
    "ip link add overlay type vxlan id VNI dstport 4789 local HOST",
    "ip link set dev overlay up",
  ]);
  assert.match(
    finding?.meaning ?? "",
    /; replace HOST with the address of this node to /,
  );
});

Deno.test("deviceChecks give a device its name back instead of making a second one", () => {
  const wrong = vxlanLink({}, { name: device("old0") });
  const back = [
    "ip link set dev old0 down",
    "ip link set dev old0 name vxlan100",
    "ip link set dev vxlan100 up",
  ];
  const links = linksWithout(VXLAN, wrong);
  assert.deepEqual(remedies({ links }), [["device-missing", back]]);
  // Known by its VNI and port, which no second device may have.
  const remembered = new Map();
  assert.deepEqual(remedies({ links, remembered }), [["device-missing", back]]);
  const other = linksWithout(VXLAN, vxlanLink({ port: 8472 }, { name: wrong.name }));
  assert.notDeepEqual(remedies({ links: other, remembered }), [
    ["device-missing", back],
  ]);
});

Deno.test("deviceChecks make missing devices of other kinds if a command can", () => {
  const links = linksWithout(VXLAN);
  const known = (link: ReturnType<typeof vxlanLink>) =>
    remedies({ links, remembered: knownAs(link) });
  assert.deepEqual(known(link(VXLAN, { type: { kind: "bridge" } })), [
    ["device-missing", [
      "ip link add vxlan100 type bridge",
      "ip link set dev vxlan100 up",
    ]],
  ]);
  assert.deepEqual(known(link(VXLAN, { type: { kind: "other", name: "wireguard" } })), [
    ["device-missing", [
      "ip link add vxlan100 type wireguard",
      "ip link set dev vxlan100 up",
    ]],
  ]);
  assert.deepEqual(known(link(VXLAN)), [["device-missing", []]]);
});

Deno.test("deviceChecks find a device that is down, and nothing that follows from it", () => {
  const links = linksWith(vxlanLink({}, { up: false, carrier: false, mtu: 60 }));
  assert.deepEqual(deviceChecks(healthyNode({ links })), [{
    id: "device-down",
    severity: "critical",
    subject: SUBJECT,
    found: "vxlan100 is down, but 2 desired routes lead through it",
    meaning: "No packet reaches the 2 nodes behind vxlan100",
    remedy: ["ip link set dev vxlan100 up"],
  }]);
});

Deno.test("deviceChecks find a device whose MTU is too small for IPv4, and turn proxy_arp on again", () => {
  const links = linksWith(vxlanLink({}, { mtu: 67 }));
  const [finding] = deviceChecks(healthyNode({ links }));
  assert.deepEqual(finding, {
    id: "device-without-ipv4",
    severity: "critical",
    subject: SUBJECT,
    found: "vxlan100 has no IPv4, because its MTU is 67, and IPv4 needs at least 68",
    meaning: "The kernel refuses every route through it, so no packet reaches the " +
      "2 nodes behind vxlan100",
    remedy: [
      "ip link set dev vxlan100 mtu 1450",
      "sysctl -w net.ipv4.conf.vxlan100.proxy_arp=1",
    ],
  });
  const remembered = knownAs(vxlanLink(), false);
  assert.deepEqual(remedies({ links, remembered }), [
    ["device-without-ipv4", ["ip link set dev vxlan100 mtu 1450"]],
  ]);
});

Deno.test("deviceChecks give a device without IPv4 no larger MTU than its underlay carries", () => {
  const links = (mtu: number) =>
    linksWith(vxlanLink({}, { mtu: 60 }), link(UNDERLAY, { mtu }));
  const first = (mtu: number) =>
    deviceChecks(healthyNode({ links: links(mtu) }))[0]?.remedy[0];
  assert.equal(first(1400), "ip link set dev vxlan100 mtu 1350");
  assert.equal(first(9000), "ip link set dev vxlan100 mtu 1450");
  assert.equal(first(100), "ip link set dev vxlan100 mtu 1450");
});

Deno.test("deviceChecks find a device without carrier, and what takes it away", () => {
  const noCarrier = (kind: string, peer = device("far")) =>
    link(VXLAN, { carrier: false, peer, type: { kind: "other", name: kind } });
  const far = link(device("far"), { up: false, carrier: false });
  const [finding] = deviceChecks(
    healthyNode({ links: linksWith(noCarrier("veth"), far) }),
  );
  assert.deepEqual(finding, {
    id: "device-no-carrier",
    severity: "critical",
    subject: SUBJECT,
    found: "vxlan100 is up but has no carrier, because far is down",
    meaning: "No packet reaches the 2 nodes behind vxlan100",
    remedy: ["ip link set dev far up"],
  });
  assert.deepEqual(remedies({ links: linksWith(noCarrier("veth")) }), [
    ["device-no-carrier", ["ip -n NAMESPACE link set dev PEER up"]],
  ]);
  assert.deepEqual(remedies({ links: linksWith(noCarrier("")) }), [
    ["device-no-carrier", []],
  ]);
});

Deno.test("deviceChecks find the ports that take a bridge's carrier away", () => {
  const bridge = link(VXLAN, { carrier: false, type: { kind: "bridge" } });
  const port = (name: string) =>
    link(device(name), { up: false, carrier: false, master: VXLAN });
  assert.deepEqual(remedies({ links: linksWith(bridge, port("p1"), port("p2")) }), [
    ["device-no-carrier", ["ip link set dev p1 up", "ip link set dev p2 up"]],
  ]);
  assert.deepEqual(remedies({ links: linksWith(bridge) }), [
    ["device-no-carrier", ["ip link set dev PORT master vxlan100 up"]],
  ]);
});

Deno.test("deviceChecks leave the carrier of a VXLAN device to the check of its underlay", () => {
  const vxlan = vxlanLink({}, { carrier: false });
  assert.deepEqual(remedies({ links: linksWith(vxlan) }), [
    ["device-no-carrier", ["ip link set dev vxlan100 protodown off"]],
  ]);
  const links = linksWith(vxlan, link(UNDERLAY, { up: false, carrier: false }));
  assert.deepEqual(remedies({ links }), []);
});

Deno.test("deviceChecks find a port of a bridge, and none of a bond or a VRF", () => {
  const links = linksWith(vxlanLink({}, { master: BRIDGE }));
  assert.deepEqual(deviceChecks(healthyNode({ links })), [{
    id: "bridge-port",
    severity: "critical",
    subject: SUBJECT,
    found: "vxlan100 is a port of bridge quilt0, but 2 desired routes lead through it",
    meaning: "The bridge takes the ARP replies that arrive at its port, so no packet " +
      "reaches the 2 nodes behind vxlan100",
    remedy: [
      "ip link set dev vxlan100 nomaster",
      "sysctl -w net.ipv4.conf.vxlan100.proxy_arp=1",
    ],
  }]);
  const bond = link(device("bond0"), { type: { kind: "other", name: "bond" } });
  const port = vxlanLink({}, { master: bond.name });
  assert.deepEqual(remedies({ links: linksWith(port, bond) }), []);
});

Deno.test("deviceChecks name both of two faults of a device, and those of each device", () => {
  const dotted = device("vxlan.7");
  const wanted = [
    ...wantedTo(2),
    ...wantedTo(3).map((route) => ({ ...route, device: dotted })),
  ];
  const links = linksWith(
    vxlanLink({}, { master: BRIDGE, up: false, carrier: false }),
    link(dotted, { master: BRIDGE }),
  );
  assert.deepEqual(remedies({ links, wanted }), [
    ["device-down", ["ip link set dev vxlan100 up"]],
    ["bridge-port", [
      "ip link set dev vxlan100 nomaster",
      "sysctl -w net.ipv4.conf.vxlan100.proxy_arp=1",
    ]],
    ["bridge-port", [
      "ip link set dev vxlan.7 nomaster",
      "sysctl -w net/ipv4/conf/vxlan.7/proxy_arp=1",
    ]],
  ]);
});
