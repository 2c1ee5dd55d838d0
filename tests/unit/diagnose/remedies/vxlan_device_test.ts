import assert from "node:assert/strict";
import {
  asItWas,
  make,
  remake,
} from "../../../../src/diagnose/remedies/vxlan_device.ts";
import { device } from "../../../support/fixtures.ts";
import {
  ADDRESSES,
  addressOn,
  flood,
  healthyNode,
  HOST,
  linksWith,
  SECOND_HOST,
  THIRD_HOST,
  VXLAN,
  vxlanLink,
} from "../healthy_node.ts";

const BARE = {
  name: VXLAN,
  mac: "",
  mtu: 1450,
  vxlan: { vni: 100, port: 4789, local: undefined, underlay: undefined },
  addresses: [],
  peers: [],
  proxyArp: false,
};

Deno.test("make sets only what is known of a device", () => {
  assert.deepEqual(make(BARE), [
    "ip link add vxlan100 type vxlan id 100 dstport 4789",
    "ip link set dev vxlan100 mtu 1450",
    "ip link set dev vxlan100 up",
  ]);
});

Deno.test("make takes no link-layer address that the kernel would refuse", () => {
  for (const mac of ["00:00:00:00:00:00", "198.51.100.1", "02:00:00:00:00:01; id"]) {
    assert.deepEqual(make({ ...BARE, mac }), make(BARE));
  }
});

Deno.test("remake deletes the device and makes it with its addresses, peers and proxy_arp", () => {
  const lines = remake({
    ...BARE,
    mac: "02:00:00:00:01:00",
    vxlan: { vni: 100, port: 4789, local: HOST, underlay: device("underlay") },
    addresses: [addressOn(VXLAN, "10.42.1.0", 32)],
    peers: [SECOND_HOST],
    proxyArp: true,
  });
  assert.deepEqual(lines, [
    "ip link del dev vxlan100",
    "ip link add vxlan100 address 02:00:00:00:01:00 type vxlan id 100 dstport 4789 " +
    "local 198.51.100.1 dev underlay",
    "ip link set dev vxlan100 mtu 1450",
    "ip link set dev vxlan100 up",
    "ip address add 10.42.1.0/32 dev vxlan100",
    "bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.2",
    "sysctl -w net.ipv4.conf.vxlan100.proxy_arp=1",
  ]);
});

Deno.test("asItWas takes the peers that are there and those that were lost", () => {
  const link = vxlanLink();
  assert.ok(link.type.kind === "vxlan");
  const { vxlan } = link.type;
  const facts = healthyNode({
    addresses: [...ADDRESSES, addressOn(VXLAN, "10.42.1.0", 32)],
    forwarding: flood([THIRD_HOST]),
    links: linksWith(link),
    netconf: [],
    remembered: new Map([[VXLAN, {
      link,
      peers: new Set([SECOND_HOST]),
      proxyArp: true,
    }]]),
  });
  assert.deepEqual(asItWas(facts, link, vxlan), {
    name: VXLAN,
    mac: "02:00:00:00:01:00",
    mtu: 1450,
    vxlan,
    addresses: [addressOn(VXLAN, "10.42.1.0", 32)],
    peers: [SECOND_HOST, THIRD_HOST],
    proxyArp: true,
  });
  const nothingKnown = { ...facts, remembered: new Map() };
  assert.equal(asItWas(nothingKnown, link, vxlan).proxyArp, false);
  const { netconf } = healthyNode();
  assert.equal(asItWas({ ...nothingKnown, netconf }, link, vxlan).proxyArp, true);
});
