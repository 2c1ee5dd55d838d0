import assert from "node:assert/strict";
import type { LookedUp } from "../../../../src/dataplane/data_path.ts";
import { vxlanChecks } from "../../../../src/diagnose/checks/vxlan.ts";
import type { Facts } from "../../../../src/diagnose/facts.ts";
import type { Ipv4Address } from "../../../../src/ipam/address.ts";
import { address, device } from "../../../support/fixtures.ts";
import { remediesOf } from "../findings.ts";
import {
  ADDRESSES,
  addressOn,
  BRIDGE,
  flood,
  healthyNode,
  HOST,
  link,
  linksWith,
  linksWithout,
  LO,
  onLink,
  SECOND_HOST,
  THIRD_HOST,
  UNDERLAY,
  VXLAN,
  vxlanLink,
} from "../healthy_node.ts";

const SUBJECT = { kind: "device", device: VXLAN } as const;
const FAR = device("far");

function remedies(change: Partial<Facts>) {
  return remediesOf(vxlanChecks(healthyNode(change)));
}

const refused = (why: string): LookedUp => ({ kind: "refused", why });
const via = (gateway: string, through = UNDERLAY): LookedUp => ({
  kind: "through",
  device: through,
  gateway: address(gateway),
});

function ways(
  ...all: readonly (readonly [Ipv4Address, LookedUp])[]
): ReadonlyMap<Ipv4Address, LookedUp> {
  return new Map([
    [SECOND_HOST, onLink(UNDERLAY)],
    [THIRD_HOST, onLink(UNDERLAY)],
    ...all,
  ]);
}

/** The lines that make vxlan100 again as it has to be. */
const REMADE = [
  "ip link del dev vxlan100",
  "ip link add vxlan100 address 02:00:00:00:01:00 type vxlan id 100 dstport 4789 " +
  "local 198.51.100.1 dev underlay",
  "ip link set dev vxlan100 mtu 1450",
  "ip link set dev vxlan100 up",
  "bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.2",
  "bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.3",
  "sysctl -w net.ipv4.conf.vxlan100.proxy_arp=1",
];

Deno.test("vxlanChecks look at VXLAN devices that routes are wanted through, and at no other", () => {
  const wrong = { vni: 5, port: 8472, local: address("203.0.113.9") };
  const links = linksWith(vxlanLink(wrong));
  assert.deepEqual(remedies({ wanted: [], links }), []);
  assert.deepEqual(remedies({ links: linksWith(link(VXLAN, { mtu: 9000 })) }), []);
  assert.deepEqual(remedies({ links: linksWithout(VXLAN) }), []);
});

Deno.test("vxlanChecks find a VNI other than the one in the device's name", () => {
  const links = linksWith(vxlanLink({ vni: 101 }));
  assert.deepEqual(vxlanChecks(healthyNode({ links })), [{
    id: "vxlan-vni",
    severity: "critical",
    subject: SUBJECT,
    found:
      "vxlan100 has VNI 101, expected 100, because the mesh agent names its device " +
      "after its VNI",
    meaning: "vxlan100 and its peers drop each other's packets, so no packet " +
      "reaches the 2 nodes behind vxlan100",
    remedy: REMADE,
  }]);
});

Deno.test("vxlanChecks expect no VNI of a name that is not the mesh agent's", () => {
  for (const name of ["overlay0", "vxlan0", "vxlan", "wg100", "vxlan99999999"]) {
    const named = device(name);
    const links = linksWith(vxlanLink({ vni: 7 }, { name: named }));
    const wanted = healthyNode().wanted.map((route) => ({ ...route, device: named }));
    assert.deepEqual(remedies({ links, wanted }), [], name);
  }
});

Deno.test("vxlanChecks find a UDP port that is not VXLAN's", () => {
  const links = linksWith(vxlanLink({ port: 8472 }));
  assert.deepEqual(vxlanChecks(healthyNode({ links })), [{
    id: "vxlan-port",
    severity: "critical",
    subject: SUBJECT,
    found: "vxlan100 uses UDP port 8472, expected 4789, the port of the mesh agent",
    meaning: "The peers do not listen on port 8472, so no packet reaches the " +
      "2 nodes behind vxlan100",
    remedy: REMADE,
  }]);
});

Deno.test("vxlanChecks name a wrong VNI and a wrong port, and either remedy ends both", () => {
  const links = linksWith(vxlanLink({ vni: 101, port: 8472 }));
  assert.deepEqual(remedies({ links }), [
    ["vxlan-vni", REMADE],
    ["vxlan-port", REMADE],
  ]);
});

Deno.test("vxlanChecks find a local address that no device has", () => {
  const lost = {
    addresses: ADDRESSES.filter(({ device }) => device !== UNDERLAY),
    underlay: ways(
      [SECOND_HOST, refused("Network is unreachable")],
      [THIRD_HOST, refused("Network is unreachable")],
    ),
  };
  assert.deepEqual(vxlanChecks(healthyNode(lost)), [{
    id: "vxlan-local",
    severity: "critical",
    subject: SUBJECT,
    found: "vxlan100 sends from 198.51.100.1, but no device of this node has that " +
      "address",
    meaning:
      "The kernel drops the packets that vxlan100 sends and those that arrive for " +
      "it, so no packet reaches the 2 nodes behind vxlan100",
    remedy: ["ip address add 198.51.100.1/24 dev underlay"],
  }]);
  const links = linksWith(vxlanLink({ local: undefined }));
  assert.deepEqual(remedies({ addresses: lost.addresses, links }), []);
});

Deno.test("vxlanChecks give the local address the prefix length that its subnet has", () => {
  const bare = ADDRESSES.filter(({ device }) => device !== UNDERLAY);
  const unreachable = refused("Network is unreachable");
  const remedy = (change: Partial<Facts>) =>
    remedies({ addresses: bare, ...change })[0];
  // The subnet's route is there: only the source address is missing.
  assert.deepEqual(remedy({}), [
    "vxlan-local",
    ["ip address add 198.51.100.1/32 dev underlay"],
  ]);
  const addresses = [...bare, addressOn(UNDERLAY, "198.51.100.99", 25)];
  assert.deepEqual(remedy({ addresses }), [
    "vxlan-local",
    ["ip address add 198.51.100.1/25 dev underlay"],
  ]);
  const wide = address("198.51.7.2");
  assert.deepEqual(
    remedy({ forwarding: flood([wide]), underlay: ways([wide, unreachable]) }),
    ["vxlan-local", ["ip address add 198.51.100.1/17 dev underlay"]],
  );
  const elsewhere = address("203.0.113.2");
  assert.deepEqual(
    remedy({
      forwarding: flood([elsewhere]),
      underlay: ways([elsewhere, unreachable]),
    }),
    ["vxlan-local", ["ip address add 198.51.100.1/24 dev underlay"]],
  );
});

Deno.test("vxlanChecks leave the device of a local address open if nothing tells it", () => {
  const addresses = ADDRESSES.filter(({ device }) => device !== UNDERLAY);
  const links = linksWith(vxlanLink({ underlay: undefined }));
  const local = (change: Partial<Facts>) =>
    remedies({ addresses, links, ...change })[0]?.[1];
  assert.deepEqual(local({}), ["ip address add 198.51.100.1/32 dev underlay"]);
  const unreachable = refused("Network is unreachable");
  const underlay = ways([SECOND_HOST, unreachable], [THIRD_HOST, unreachable]);
  assert.deepEqual(local({ underlay }), [
    "ip address add 198.51.100.1/24 dev DEVICE",
  ]);
  // An address beside the peers tells it; what has one on the overlay itself does not.
  const beside = addressOn(UNDERLAY, "198.51.100.99", 25);
  const onOverlay = addressOn(device("vxlan100"), "198.51.100.98", 25);
  assert.deepEqual(
    local({ underlay, addresses: [...addresses, onOverlay, beside] }),
    ["ip address add 198.51.100.1/25 dev underlay"],
  );
});

Deno.test("vxlanChecks find an underlay that is down, and not the routes that went with it", () => {
  const links = linksWith(link(UNDERLAY, { up: false, carrier: false }));
  const unreachable = refused("Network is unreachable");
  const underlay = ways([SECOND_HOST, unreachable], [THIRD_HOST, unreachable]);
  assert.deepEqual(vxlanChecks(healthyNode({ links, underlay })), [{
    id: "underlay-down",
    severity: "critical",
    subject: SUBJECT,
    found: "vxlan100 sends through underlay, which is down",
    meaning: "No packet reaches the 2 nodes behind vxlan100",
    remedy: ["ip link set dev underlay up"],
  }]);
});

Deno.test("vxlanChecks find an underlay without carrier, and what takes it away", () => {
  const links = linksWith(
    link(UNDERLAY, { carrier: false, peer: FAR }),
    link(FAR, { up: false, carrier: false }),
  );
  const [finding] = vxlanChecks(healthyNode({ links }));
  assert.equal(
    finding?.found,
    "vxlan100 sends through underlay, which has no carrier, because far is down",
  );
  assert.deepEqual(finding?.remedy, ["ip link set dev far up"]);
});

Deno.test("vxlanChecks take the device that look-ups lead through for the underlay", () => {
  const lower = link(FAR, { carrier: false });
  const underlay = ways([SECOND_HOST, onLink(FAR)], [THIRD_HOST, onLink(FAR)]);
  const down = ["underlay-down", []] as const;
  assert.deepEqual(remedies({ links: linksWith(lower), underlay }), [down]);
  // The option `dev` plays no part in the way to a host of the FDB.
  const links = linksWith(link(FAR), link(UNDERLAY, { carrier: false }));
  assert.deepEqual(remedies({ links, underlay }), []);
});

Deno.test("vxlanChecks find that the device with the local address is down, wherever packets leave", () => {
  const links = linksWith(link(FAR), link(UNDERLAY, { up: false, carrier: false }));
  const underlay = ways([SECOND_HOST, onLink(FAR)], [THIRD_HOST, onLink(FAR)]);
  assert.deepEqual(remedies({ links, underlay }), [
    ["underlay-down", ["ip link set dev underlay up"]],
  ]);
  const addresses = [...ADDRESSES, addressOn(LO, HOST, 32)];
  assert.deepEqual(remedies({ addresses, links, underlay }), []);
});

Deno.test("vxlanChecks find the peers that the underlay has no route to", () => {
  const underlay = ways([SECOND_HOST, refused("Invalid argument")]);
  assert.deepEqual(vxlanChecks(healthyNode({ underlay })), [{
    id: "underlay-no-route",
    severity: "critical",
    subject: SUBJECT,
    found: "vxlan100 cannot reach 1 of 2 peers: 198.51.100.2 (Invalid argument: a " +
      "blackhole route)",
    meaning: "No packet reaches the node on that host",
    remedy: ["ip route replace 198.51.100.2/32 dev underlay"],
  }]);
});

Deno.test("vxlanChecks find peers whose route leads through the overlay, or to this node", () => {
  const addresses = [...ADDRESSES, addressOn(LO, THIRD_HOST, 32)];
  const underlay = ways([SECOND_HOST, onLink(VXLAN)], [THIRD_HOST, { kind: "local" }]);
  const [finding, ...others] = vxlanChecks(healthyNode({ addresses, underlay }));
  assert.deepEqual(others, []);
  assert.equal(
    finding?.found,
    "vxlan100 cannot reach 2 of 2 peers: 198.51.100.2 (the route leads through " +
      "vxlan100 itself), 198.51.100.3 (lo of this node has that address)",
  );
  assert.deepEqual(finding?.remedy, [
    "ip route replace 198.51.100.2/32 dev underlay",
    "ip address del 198.51.100.3/32 dev lo",
  ]);
  const bare = ways([THIRD_HOST, { kind: "local" }]);
  assert.deepEqual(remedies({ underlay: bare }), [
    ["underlay-no-route", ["ip route del table local 198.51.100.3"]],
  ]);
});

Deno.test("vxlanChecks give a host beyond the link the gateway of the others", () => {
  const far = address("203.0.113.7");
  const unreachable = refused("Network is unreachable");
  const forwarding = flood([SECOND_HOST, far]);
  const underlay = ways(
    [far, unreachable],
    [address("203.0.113.8"), via("198.51.100.254")],
  );
  assert.deepEqual(remedies({ forwarding, underlay }), [
    ["underlay-no-route", [
      "ip route replace 203.0.113.7/32 via 198.51.100.254 dev underlay",
    ]],
  ]);
  assert.deepEqual(remedies({ forwarding, underlay: ways([far, unreachable]) }), [
    ["underlay-no-route", [
      "ip route replace 203.0.113.7/32 via GATEWAY dev underlay",
    ]],
  ]);
});

Deno.test("vxlanChecks name eight peers without a route, and mend them all", () => {
  const hosts = Array.from({ length: 10 }, (_, at) => address(`198.51.100.${at + 2}`));
  const unreachable = refused("No route to host");
  const underlay = new Map(hosts.map((host) => [host, unreachable]));
  const [finding] = vxlanChecks(healthyNode({ forwarding: flood(hosts), underlay }));
  assert.match(
    finding?.found ?? "",
    /198\.51\.100\.9 \(No route to host\) and 2 more$/,
  );
  assert.equal(finding?.remedy.length, 10);
});

Deno.test("vxlanChecks do not mind that the device forwards to its own host, or that a look-up is missing", () => {
  const forwarding = flood([HOST, SECOND_HOST, THIRD_HOST]);
  const underlay = new Map([[HOST, { kind: "local" } as const]]);
  assert.deepEqual(remedies({ forwarding, underlay }), []);
});

Deno.test("vxlanChecks find an MTU that leaves no room for the headers", () => {
  const links = linksWith(link(UNDERLAY, { mtu: 1400 }));
  assert.deepEqual(vxlanChecks(healthyNode({ links })), [{
    id: "mtu-too-large",
    severity: "warning",
    subject: SUBJECT,
    found: "vxlan100 has MTU 1450, but its headers take 50 of the 1400 bytes that " +
      "underlay carries, which leaves 1350",
    meaning:
      "Packets over 1350 bytes to the 2 nodes behind vxlan100 are dropped until " +
      "their sender learns the path MTU: large transfers stall, or hang if a firewall " +
      "drops ICMP, although small pings succeed",
    remedy: ["ip link set dev vxlan100 mtu 1350"],
  }]);
  const fits = linksWith(vxlanLink({}, { mtu: 8950 }), link(UNDERLAY, { mtu: 9000 }));
  assert.deepEqual(remedies({ links: fits }), []);
});

Deno.test("vxlanChecks compare the MTU with the smallest of the devices below", () => {
  const underlay = ways([THIRD_HOST, onLink(FAR)]);
  const links = linksWith(link(FAR, { mtu: 1280 }));
  assert.deepEqual(remedies({ links, underlay }), [
    ["mtu-too-large", ["ip link set dev vxlan100 mtu 1230"]],
  ]);
  const tiny = linksWith(link(FAR, { mtu: 100 }));
  assert.deepEqual(remedies({ links: tiny, underlay }), [
    ["mtu-too-large", ["ip link set dev far mtu 1500"]],
  ]);
});

Deno.test("vxlanChecks make a device again with no larger MTU than the kernel takes", () => {
  const links = linksWith(vxlanLink({ vni: 7 }), link(UNDERLAY, { mtu: 1400 }));
  const [[id, remedy] = []] = remedies({ links });
  assert.equal(id, "vxlan-vni");
  assert.equal(remedy?.[2], "ip link set dev vxlan100 mtu 1350");
});

Deno.test("vxlanChecks name each of several faults", () => {
  const links = linksWith(
    vxlanLink({ vni: 7 }, { master: BRIDGE, up: false, carrier: false }),
    link(UNDERLAY, { carrier: false, mtu: 1400 }),
  );
  const addresses = ADDRESSES.filter(({ device }) => device !== UNDERLAY);
  const ids = remedies({ addresses, links }).map(([id]) => id);
  assert.deepEqual(ids, ["vxlan-vni", "vxlan-local", "underlay-down", "mtu-too-large"]);
});
