/** The resync finds what no event announced. */
import assert from "node:assert/strict";
import type { DesiredState } from "../../src/reconcile/desired_state.ts";
import { INSTALLED } from "../../src/reconcile/outcome.ts";
import { ActivityRecord } from "../../src/reconcile/activity.ts";
import { TABLE_142 } from "../../src/state/table142_store.ts";
import { DriftRepair } from "../../src/reconcile/drift_repair.ts";
import { until } from "../support/wait.ts";
import { batch, cidr, device, ip, makeGround, routesTo } from "../support/fixtures.ts";

import { openRoutes, type RoutesUnderTest } from "./routes_harness.ts";

const TO = "10.42.2.0/24";
const WANTED = { destination: cidr(TO), device: device("vxlan100") };
const OURS = [`${TO} dev vxlan100 proto 142 scope link`];
const RECORD = `unreachable ${TO} table 142 proto 142 metric 142`;

/** Repairs without events, and resyncs once in a while. */
function openWithoutEvents(
  { routes, want }: { routes: RoutesUnderTest; want: (desired: DesiredState) => void },
): AsyncDisposable {
  want(routes.desired);
  const repair = new DriftRepair({
    ...routes,
    store: TABLE_142,
    activity: new ActivityRecord(),
    owner: routes.records,
    logger: { log: () => {}, flush: () => Promise.resolve() },
    policy: routes.parts.policy,
    resyncMs: 50,
  });
  return { [Symbol.asyncDispose]: () => repair.close() };
}

for (
  const other of [
    "dev vxlan100 proto 142 metric 100",
    "dev other proto 142 metric 100",
    "dev other proto static metric 100",
  ]
) {
  Deno.test(`resync removes a second route beside ours, "${other}", without an event`, async () => {
    await using _ground = await makeGround("vxlan100", "other");
    await using routes = openRoutes({ resynced: false });
    await batch([
      `route add ${TO} dev vxlan100 proto 142`,
      `route add ${TO} ${other}`,
    ]);
    await using _repair = openWithoutEvents({
      routes,
      want: (desired) =>
        desired.put({ route: WANTED, persisted: true, status: INSTALLED }),
    });
    await until(async () => (await routesTo(TO)).join() === OURS.join(), {
      what: "one route of ours",
    });
  });
}

Deno.test("resync removes a route whose deletion got no answer", async () => {
  await using _ground = await makeGround("vxlan100");
  await using routes = openRoutes({ resynced: false });
  const { desired } = routes;
  await batch([
    `route add ${TO} dev vxlan100 proto 142`,
    `route add ${RECORD}`,
    "route add 10.42.3.0/24 dev vxlan100",
  ]);
  await using _repair = openWithoutEvents({
    routes,
    want: () => {
      desired.put({ route: WANTED, persisted: true, status: INSTALLED });
      desired.markForDeletion(WANTED.destination, "overlay");
      // This one was never desired.
      desired.markForDeletion(cidr("10.42.3.0/24"), "overlay");
    },
  });
  await until(async () => await ip("-4 route show root 10.42.0.0/16") === "", {
    what: "no route of either",
  });
  await until(() => desired.get(WANTED.destination) === undefined, {
    what: "the route to be no longer desired",
  });
  assert.equal(await ip("route show table 142"), "");
});

Deno.test("resync marks a route as installed that was written although the answer was lost", async () => {
  await using _ground = await makeGround("vxlan100");
  await using routes = openRoutes({ resynced: false });
  const { desired } = routes;
  const status = { kind: "error", sentence: "No answer from the kernel" } as const;
  await batch([`route add ${TO} dev vxlan100 proto 142`]);
  await using _repair = openWithoutEvents({
    routes,
    want: () => desired.put({ route: WANTED, persisted: false, status }),
  });
  await until(() => desired.get(WANTED.destination)?.status.kind === "installed", {
    what: "the route to count as installed",
  });
});
