import assert from "node:assert/strict";
import fc from "fast-check";
import type { Route } from "../../../src/routing/route.ts";
import {
  ascending,
  compareRoutes,
  destinationOf,
} from "../../../src/routing/difference.ts";
import { cidr, device as named } from "../../support/fixtures.ts";

const VXLAN = named("vxlan100");
const OTHER = named("other");

function to(octet: number, device = VXLAN): Route {
  return { destination: cidr(`10.42.${octet}.0/24`), device };
}

const device = fc.constantFrom(VXLAN, OTHER);
const octets = fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 12 });
const routeSet = octets.chain((hosts) =>
  fc.tuple(...hosts.map((host) => device.map((through) => to(host, through))))
);

/** Each difference as one line. */
function shown(steps: ReturnType<typeof compareRoutes>): readonly string[] {
  return steps.map((step) =>
    step.kind === "remove"
      ? `remove ${step.destination}`
      : `${step.kind} ${step.route.destination} ${step.route.device}`
  );
}

Deno.test("compareRoutes wants the stated routes and removes other known ones, in ascending order", () => {
  const known = [cidr("10.42.3.0/24"), cidr("10.42.20.0/24"), cidr("10.42.4.0/24")];
  const plan = compareRoutes([to(100), to(9, OTHER), to(20)], known, undefined);
  assert.deepEqual(shown(plan), [
    "remove 10.42.3.0/24",
    "remove 10.42.4.0/24",
    "want 10.42.9.0/24 other",
    "want 10.42.20.0/24 vxlan100",
    "want 10.42.100.0/24 vxlan100",
  ]);
});

Deno.test("compareRoutes never wants a route to the node's own subnet", () => {
  const own = cidr("10.42.9.0/24");
  assert.deepEqual(shown(compareRoutes([to(9), to(8)], [], own)), [
    "want 10.42.8.0/24 vxlan100",
    "own-subnet 10.42.9.0/24 vxlan100",
  ]);
});

Deno.test("compareRoutes returns every stated or known destination once, in order", () => {
  fc.assert(fc.property(routeSet, routeSet, (wanted, before) => {
    const known = before.map(({ destination }) => destination);
    const plan = compareRoutes(wanted, known, cidr("10.42.7.0/24"));
    const planned = plan.map(destinationOf);
    const expected = new Set([...wanted.map((route) => route.destination), ...known]);
    assert.deepEqual(new Set(planned), expected);
    assert.equal(planned.length, expected.size);
    assert.deepEqual(planned, ascending(planned, (destination) => destination));
    for (const step of plan) {
      const stated = wanted.find((route) => route.destination === destinationOf(step));
      assert.equal(step.kind === "remove", stated === undefined);
      if (step.kind === "remove") continue;
      assert.deepEqual(step.route, stated);
      const own = stated?.destination === "10.42.7.0/24";
      assert.equal(step.kind, own ? "own-subnet" : "want");
    }
  }));
});

Deno.test("compareRoutes removes nothing after its differences were applied", () => {
  fc.assert(fc.property(routeSet, routeSet, (wanted, before) => {
    const known = before.map(({ destination }) => destination);
    const left = compareRoutes(wanted, known, undefined)
      .flatMap((step) => step.kind === "want" ? [step.route.destination] : []);
    const again = compareRoutes(wanted, left, undefined);
    assert.deepEqual(again.filter(({ kind }) => kind === "remove"), []);
  }));
});

Deno.test("ascending compares addresses, not texts", () => {
  const sorted = ["10.42.2.0/24", "10.9.0.0/24", "10.42.10.0/24", "9.0.0.0/24"].map(
    cidr,
  );
  assert.deepEqual(ascending(sorted, (each) => each), [
    "9.0.0.0/24",
    "10.9.0.0/24",
    "10.42.2.0/24",
    "10.42.10.0/24",
  ]);
});
