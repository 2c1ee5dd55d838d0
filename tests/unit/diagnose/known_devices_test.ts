import assert from "node:assert/strict";
import { forwardingDatabaseChecks } from "../../../src/diagnose/checks/forwarding_database.ts";
import type { Facts } from "../../../src/diagnose/facts.ts";
import { learnDevices } from "../../../src/diagnose/known_devices.ts";
import {
  flood,
  healthyNode,
  HOST,
  linksWithout,
  netconfWith,
  SECOND_HOST,
  THIRD_HOST,
  VXLAN,
  vxlanLink,
  wantedTo,
} from "./healthy_node.ts";

const NONE: Facts["remembered"] = new Map();
const KNOWN = healthyNode().remembered;

/** The peers of vxlan100 that are known after a change of the healthy node. */
function peersAfter(change: Partial<Facts>, before = KNOWN) {
  const known = learnDevices(healthyNode(change), before).get(VXLAN);
  return known === undefined ? undefined : [...known.peers];
}

Deno.test("learnDevices knows a device with its peers and its proxy_arp", () => {
  assert.deepEqual(learnDevices(healthyNode(), NONE), KNOWN);
});

Deno.test("learnDevices keeps the peers of a device that has fewer of them than routes", () => {
  const both = [SECOND_HOST, THIRD_HOST];
  assert.deepEqual(peersAfter({ forwarding: [] }), both);
  assert.deepEqual(peersAfter({ forwarding: flood([THIRD_HOST]) }), both);
  assert.deepEqual(peersAfter({ forwarding: [] }, NONE), []);
});

Deno.test("learnDevices forgets a peer that has left with its route", () => {
  const left = { forwarding: flood([THIRD_HOST]), wanted: wantedTo(3) };
  assert.deepEqual(peersAfter(left), [THIRD_HOST]);
});

Deno.test("learnDevices takes peers in before the first route, because the agent enters them first", () => {
  assert.deepEqual(peersAfter({ wanted: [] }, NONE), [SECOND_HOST, THIRD_HOST]);
});

Deno.test("learnDevices keeps what it knows of a device that is gone", () => {
  const links = linksWithout(VXLAN);
  assert.deepEqual(learnDevices(healthyNode({ links }), KNOWN), KNOWN);
  assert.deepEqual(learnDevices(healthyNode({ links }), NONE), NONE);
});

Deno.test("learnDevices keeps that proxy_arp was on, by the setting of the device or of all", () => {
  const off = netconfWith([VXLAN, { proxyArp: false }]);
  const all = netconfWith([VXLAN, { proxyArp: false }], [undefined, {
    proxyArp: true,
  }]);
  const isOn = (netconf: Facts["netconf"], before = NONE) =>
    learnDevices(healthyNode({ netconf }), before).get(VXLAN)?.proxyArp;
  assert.equal(isOn(off), false);
  assert.equal(isOn(off, KNOWN), true);
  assert.equal(isOn(all), true);
});

Deno.test("learnDevices takes this node's own host for no peer, so that it is never missing", () => {
  const facts = healthyNode({
    forwarding: flood([HOST, SECOND_HOST, THIRD_HOST]),
    wanted: wantedTo(2, 3, 4),
  });
  const remembered = learnDevices(facts, NONE);
  assert.deepEqual(remembered.get(VXLAN), {
    link: vxlanLink(),
    peers: new Set([SECOND_HOST, THIRD_HOST]),
    proxyArp: true,
  });
  assert.deepEqual(
    forwardingDatabaseChecks({ ...facts, remembered }).map(({ id }) => id),
    ["fdb-fewer"],
  );
});
