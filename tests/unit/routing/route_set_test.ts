import assert from "node:assert/strict";
import { checkClusterPolicy } from "../../../src/ipam/policy.ts";
import { checkRouteSet, type StatedRoute } from "../../../src/routing/route_set.ts";

const checkedPolicy = checkClusterPolicy("10.42.0.0/16", 24);
assert.ok(checkedPolicy.ok);
const policy = checkedPolicy.value;

const via = (destination: string, device = "vxlan100"): StatedRoute => ({
  destination,
  device,
});

Deno.test("checkRouteSet accepts a set of valid routes, and an empty one", () => {
  const stated = [via("10.42.9.0/24"), via("10.42.2.0/24", "other")];
  assert.deepEqual(checkRouteSet(stated, policy), { ok: true, value: stated });
  assert.deepEqual(checkRouteSet([], policy), { ok: true, value: [] });
});

const BAD: readonly (readonly [route: StatedRoute, sentence: string])[] = [
  [via("10.42.2.0"), `Invalid destination CIDR format: "10.42.2.0"`],
  [via("10.42.0.0/16"), "Destination must be /24, got /16"],
  [
    via("10.42.2.5/24"),
    "Destination 10.42.2.5/24 has host bits set; did you mean 10.42.2.0/24?",
  ],
  [
    via("192.168.1.0/24"),
    "Destination 192.168.1.0/24 must be within cluster CIDR 10.42.0.0/16",
  ],
  [via("10.42.2.0/24", "vxlan 100"), `Invalid interface name: "vxlan 100"`],
  [via("10.42.2.0/24", ""), `Invalid interface name: ""`],
  [
    via("10.42.3.0/24", "other"),
    "Destination 10.42.3.0/24 is stated twice, first in routes[0]; " +
    "state each destination once",
  ],
];

for (const [route, sentence] of BAD) {
  Deno.test(`checkRouteSet reports the first fault and its position: ${sentence}`, () => {
    const stated = [via("10.42.3.0/24"), via("10.42.4.0/24"), route, via("worse")];
    assert.deepEqual(checkRouteSet(stated, policy), {
      ok: false,
      fault: `routes[2]: ${sentence}`,
    });
  });
}

Deno.test("checkRouteSet echoes a text that is not a CIDR quoted, cut and escaped", () => {
  const checked = checkRouteSet(
    [via(`10.42.2.0/24\nINFO: forged${"x".repeat(99)}`)],
    policy,
  );
  assert.ok(!checked.ok);
  assert.match(
    checked.fault,
    /^routes\[0\]: Invalid destination CIDR format: "10\.42\.2\.0\/24\\nINFO: forgedx+…"$/,
  );
});
