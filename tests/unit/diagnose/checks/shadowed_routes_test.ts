import assert from "node:assert/strict";
import { shadowedRouteChecks } from "../../../../src/diagnose/checks/shadowed_routes.ts";
import type { Facts } from "../../../../src/diagnose/facts.ts";
import type { KernelRoute } from "../../../../src/routing/kernel_route.ts";
import { cidr, found } from "../../../support/fixtures.ts";
import { summarize } from "../findings.ts";
import { addressOn, healthyNode, SECOND, UNDERLAY, VXLAN } from "../healthy_node.ts";

const HALF = cidr("10.42.2.0/25");
const OURS = found(SECOND, { device: VXLAN });

/** The healthy node with routes more, behind those that it has. */
function withRoutes(...routes: readonly KernelRoute[]): Facts {
  return healthyNode({ routes: [...healthyNode().routes, ...routes] });
}

function findings(facts: Facts) {
  return summarize(shadowedRouteChecks(facts));
}

function shadowed(remedy: readonly string[], severity = "critical") {
  return [{ key: "route-shadowed 10.42.2.0/24", severity, remedy }];
}

for (
  const [what, variation, remedy] of [
    ["through another device", { device: UNDERLAY, protocol: 3, metric: 5 }, [
      "ip route del 10.42.2.0/25 dev underlay proto 3 metric 5",
    ]],
    ["of our own protocol", { device: UNDERLAY, protocol: 142 }, [
      "ip route del 10.42.2.0/25 dev underlay proto 142 metric 0",
    ]],
    ["with several ways", { protocol: 186 }, [
      "ip route del 10.42.2.0/25 proto 186 metric 0",
    ]],
    ["that is a blackhole", { protocol: 3, type: 6 }, [
      "ip route del blackhole 10.42.2.0/25 proto 3 metric 0",
    ]],
    ["that is unreachable", { protocol: 3, type: 7 }, [
      "ip route del unreachable 10.42.2.0/25 proto 3 metric 0",
    ]],
    ["that is prohibited", { protocol: 3, type: 8, metric: 7 }, [
      "ip route del prohibit 10.42.2.0/25 proto 3 metric 7",
    ]],
    ["that leaves the table", { protocol: 3, type: 9 }, [
      "ip route del throw 10.42.2.0/25 proto 3 metric 0",
    ]],
  ] as const
) {
  Deno.test(`shadowedRouteChecks find a more specific route ${what}`, () => {
    assert.deepEqual(findings(withRoutes(found(HALF, variation))), shadowed(remedy));
  });
}

Deno.test("shadowedRouteChecks say which packets go where", () => {
  const host = cidr("10.42.2.7/32");
  const [finding] = shadowedRouteChecks(
    withRoutes(found(host, { device: UNDERLAY, protocol: 3 })),
  );
  assert.equal(
    finding?.found,
    "The kernel prefers 10.42.2.7/32 dev underlay proto 3 metric 0 to " +
      "10.42.2.0/24 dev vxlan100 proto 142",
  );
  assert.equal(
    finding?.meaning,
    "Packets to 10.42.2.7/32 leave through underlay instead of the overlay",
  );
});

Deno.test("shadowedRouteChecks name all routes of a destination in one finding", () => {
  const facts = withRoutes(
    found(HALF, { device: UNDERLAY, protocol: 3 }),
    found(cidr("10.42.2.128/25"), { protocol: 3, type: 6 }),
    found(cidr("10.42.3.0/30"), { device: UNDERLAY, protocol: 4 }),
  );
  assert.deepEqual(findings(facts), [
    ...shadowed([
      "ip route del 10.42.2.0/25 dev underlay proto 3 metric 0",
      "ip route del blackhole 10.42.2.128/25 proto 3 metric 0",
    ]),
    {
      key: "route-shadowed 10.42.3.0/24",
      severity: "critical",
      remedy: ["ip route del 10.42.3.0/30 dev underlay proto 4 metric 0"],
    },
  ]);
});

Deno.test("shadowedRouteChecks accept a more specific route through the overlay, and one inside the own subnet", () => {
  const facts = withRoutes(
    found(HALF, { device: VXLAN, protocol: 3, gateway: true }),
    found(cidr("10.42.1.7/32"), { device: UNDERLAY, protocol: 3 }),
    found(cidr("10.42.0.0/16"), { protocol: 3, type: 6 }),
  );
  assert.deepEqual(findings(facts), []);
});

Deno.test("shadowedRouteChecks have an address deleted whose connected route shadows", () => {
  const facts = {
    ...withRoutes(found(HALF, { device: UNDERLAY, protocol: 2 })),
    addresses: [
      addressOn(UNDERLAY, "10.42.2.1", 25),
      addressOn(UNDERLAY, "10.42.2.9", 25),
      addressOn(VXLAN, "10.42.2.1", 25),
      addressOn(UNDERLAY, "10.42.2.1", 24),
    ],
  };
  assert.deepEqual(
    findings(facts),
    shadowed([
      "ip address del 10.42.2.9/25 dev underlay",
      "ip address del 10.42.2.1/25 dev underlay",
    ]),
  );
});

Deno.test("shadowedRouteChecks find a connected route for exactly the destination, because no repair replaces it", () => {
  const connected = found(SECOND, { device: UNDERLAY, protocol: 2 });
  const addresses = [
    addressOn(UNDERLAY, "10.42.2.1", 24),
  ];
  const remedy = ["ip address del 10.42.2.1/24 dev underlay"];
  assert.deepEqual(
    findings(healthyNode({ routes: [connected], addresses })),
    shadowed(remedy),
  );
  assert.deepEqual(
    findings(healthyNode({ routes: [connected, OURS], addresses })),
    shadowed(remedy),
  );
  assert.deepEqual(
    findings(healthyNode({ routes: [OURS, connected], addresses })),
    [],
  );
});

Deno.test("shadowedRouteChecks find a route for exactly the destination in front of ours", () => {
  const other = found(SECOND, { device: UNDERLAY, protocol: 3 });
  assert.deepEqual(
    findings(healthyNode({ routes: [other, OURS] })),
    shadowed(["ip route del 10.42.2.0/24 dev underlay proto 3 metric 0"]),
  );
});

Deno.test("shadowedRouteChecks accept another owner's route behind ours, and one that the next repair replaces", () => {
  const other = found(SECOND, { device: UNDERLAY, protocol: 3 });
  const routes = [[OURS, other], [{ ...other, metric: 5 }, OURS], [other]];
  for (const each of routes) {
    assert.deepEqual(findings(healthyNode({ routes: each })), []);
  }
});

Deno.test("shadowedRouteChecks only warn of a route for one TOS", () => {
  const other = found(SECOND, { device: UNDERLAY, protocol: 3, tos: 0x10 });
  const facts = healthyNode({ routes: [other, OURS] });
  assert.deepEqual(
    findings(facts),
    shadowed(
      ["ip route del 10.42.2.0/24 dev underlay proto 3 metric 0 tos 0x10"],
      "warning",
    ),
  );
  assert.equal(
    shadowedRouteChecks(facts)[0]?.meaning,
    "Packets to 10.42.2.0/24 with TOS 0x10 leave through underlay instead of the overlay",
  );
});
