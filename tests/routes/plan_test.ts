import assert from "node:assert/strict";
import fc from "fast-check";
import { type Ipv4Cidr, parseCidr } from "../../src/ipam/cidr.ts";
import type { FoundRoute } from "../../src/routes/found_route.ts";
import { ourRoute } from "../../src/routes/found_route.ts";
import {
  checkInterfaceName,
  type InterfaceName,
} from "../../src/routes/interface_name.ts";
import type { WantedRoute } from "../../src/routes/memory.ts";
import {
  ascending,
  crowded,
  destinationOf,
  planRoutes,
  settledRoutes,
} from "../../src/routes/plan.ts";

function cidr(text: string): Ipv4Cidr {
  const parsed = parseCidr(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

function named(text: string): InterfaceName {
  const checked = checkInterfaceName(text);
  assert.ok(checked.ok, text);
  return checked.value;
}

const VXLAN = named("vxlan100");
const OTHER = named("other");

function to(octet: number, device = VXLAN): WantedRoute {
  return { destination: cidr(`10.42.${octet}.0/24`), device };
}

const device = fc.constantFrom(VXLAN, OTHER);
const octets = fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 12 });
const routeSet = octets.chain((hosts) =>
  fc.tuple(...hosts.map((host) => device.map((through) => to(host, through))))
);

/** A step as one line. */
function told(steps: ReturnType<typeof planRoutes>): readonly string[] {
  return steps.map((step) =>
    step.kind === "remove"
      ? `remove ${step.destination}`
      : `${step.kind} ${step.route.destination} ${step.route.device}`
  );
}

Deno.test("a set against nothing is installed, in ascending order of addresses", () => {
  const nothing = { known: [], settled: new Map(), nodeSubnet: undefined };
  assert.deepEqual(told(planRoutes([to(100), to(9), to(20)], nothing)), [
    "install 10.42.9.0/24 vxlan100",
    "install 10.42.20.0/24 vxlan100",
    "install 10.42.100.0/24 vxlan100",
  ]);
});

Deno.test("what is there as it is wanted is kept, what goes elsewhere is installed, what nobody wants is removed", () => {
  const steps = planRoutes([to(1), to(2), to(3)], {
    known: [cidr("10.42.2.0/24"), cidr("10.42.1.0/24"), cidr("10.42.4.0/24")],
    settled: new Map([
      [cidr("10.42.1.0/24"), VXLAN],
      [cidr("10.42.2.0/24"), OTHER],
      [cidr("10.42.5.0/24"), VXLAN],
    ]),
    nodeSubnet: cidr("10.42.3.0/24"),
  });
  assert.deepEqual(told(steps), [
    "keep 10.42.1.0/24 vxlan100",
    "install 10.42.2.0/24 vxlan100",
    "own-subnet 10.42.3.0/24 vxlan100",
    "remove 10.42.4.0/24",
  ]);
});

Deno.test("every destination that is wanted or known is in a plan once, in order", () => {
  fc.assert(fc.property(routeSet, routeSet, routeSet, (wanted, known, settled) => {
    const plan = planRoutes(wanted, {
      known: known.map(({ destination }) => destination),
      settled: new Map(settled.map((route) => [route.destination, route.device])),
      nodeSubnet: cidr("10.42.7.0/24"),
    });
    const planned = plan.map(destinationOf);
    const expected = new Set([...wanted, ...known].map((route) => route.destination));
    assert.deepEqual(new Set(planned), expected);
    assert.equal(planned.length, expected.size);
    assert.deepEqual(planned, ascending(planned, (destination) => destination));
    for (const step of plan) {
      const stated = wanted.find((route) => route.destination === destinationOf(step));
      assert.equal(step.kind === "remove", stated === undefined);
      if (step.kind === "remove") continue;
      assert.deepEqual(step.route, stated);
      const there = settled.some((route) =>
        route.destination === stated?.destination && route.device === stated.device
      );
      const own = stated?.destination === "10.42.7.0/24";
      assert.equal(step.kind, own ? "own-subnet" : there ? "keep" : "install");
    }
  }));
});

Deno.test("a plan that was carried out leaves nothing to do", () => {
  fc.assert(fc.property(routeSet, routeSet, (wanted, known) => {
    const plan = planRoutes(wanted, {
      known: known.map(({ destination }) => destination),
      settled: new Map(),
      nodeSubnet: undefined,
    });
    const after = plan.flatMap((step) => step.kind === "remove" ? [] : [step.route]);
    const again = planRoutes(wanted, {
      known: after.map(({ destination }) => destination),
      settled: settledRoutes(after.map(ourRoute), after),
      nodeSubnet: undefined,
    });
    assert.deepEqual(new Set(again.map(({ kind }) => kind)).has("install"), false);
    assert.deepEqual(new Set(again.map(({ kind }) => kind)).has("remove"), false);
  }));
});

const VARIATIONS: readonly (readonly [what: string, variation: Partial<FoundRoute>])[] =
  [
    ["through another device", { device: OTHER }],
    ["through a gateway", { gateway: true }],
    ["with a metric", { metric: 5 }],
    ["with a TOS", { tos: 16 }],
    ["of another type", { type: 6 }],
  ];

for (const [what, variation] of VARIATIONS) {
  Deno.test(`a route of ours ${what} is not settled`, () => {
    const route = { ...ourRoute(to(2)), ...variation };
    assert.equal(settledRoutes([route], [to(2)]).size, 0);
  });
}

Deno.test("a route is settled only with its memory", () => {
  const route = ourRoute(to(2));
  assert.deepEqual([...settledRoutes([route], [to(2)])], [["10.42.2.0/24", VXLAN]]);
  assert.equal(settledRoutes([route], []).size, 0);
  assert.equal(settledRoutes([], [to(2)]).size, 0);
  assert.equal(settledRoutes([route], [to(2, OTHER)]).size, 0);
});

Deno.test("a destination with several routes is crowded", () => {
  const route = ourRoute(to(2));
  assert.deepEqual([...crowded([route, ourRoute(to(3)), { ...route, metric: 7 }])], [
    "10.42.2.0/24",
  ]);
});
