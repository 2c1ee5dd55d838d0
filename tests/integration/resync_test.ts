/** What no event told is found by the look at everything. */
import assert from "node:assert/strict";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import { DesiredState, INSTALLED } from "../../src/reconcile/desired_state.ts";
import { DriftRepair } from "../../src/reconcile/drift_repair.ts";
import { KernelCache } from "../../src/reconcile/kernel_cache.ts";
import { WorkQueue } from "../../src/reconcile/work_queue.ts";
import { until } from "../support/wait.ts";
import {
  batch,
  cidr,
  device,
  ip,
  keepTrail,
  makeGround,
  routesTo,
} from "../support/fixtures.ts";

const TO = "10.42.2.0/24";
const WANTED = { destination: cidr(TO), device: device("vxlan100") };
const OURS = [`${TO} dev vxlan100 proto 142 scope link`];
const MEMORY = `unreachable ${TO} table 142 proto 142 metric 142`;

/** A reconciler that hears no event, and looks at everything once in a while. */
function openDeaf(ledger: DesiredState): AsyncDisposable {
  const dataplane = new Iproute2Dataplane(new AuditLog(keepTrail()));
  const queue = new WorkQueue(() => Promise.resolve());
  const reconciler = new DriftRepair({
    dataplane,
    ledger,
    queue,
    snapshot: new KernelCache(),
    logger: { log: () => {}, flush: () => Promise.resolve() },
    policy: { clusterCidr: cidr("10.42.0.0/16"), nodePrefix: 24 },
    resyncMs: 50,
  });
  return {
    [Symbol.asyncDispose]: async () => {
      await reconciler.close();
      await queue.close();
      await dataplane.close();
    },
  };
}

for (
  const other of [
    "dev vxlan100 proto 142 metric 100",
    "dev other proto 142 metric 100",
    "dev other proto static metric 100",
  ]
) {
  Deno.test(`a second route beside ours, "${other}", goes though no event told of it`, async () => {
    await using _ground = await makeGround("vxlan100", "other");
    const ledger = new DesiredState();
    ledger.put({ route: WANTED, remembered: true, standing: INSTALLED });
    await batch([
      `route add ${TO} dev vxlan100 proto 142`,
      `route add ${TO} ${other}`,
    ]);
    await using _deaf = openDeaf(ledger);
    await until(async () => (await routesTo(TO)).join() === OURS.join(), {
      what: "one route of ours",
    });
  });
}

Deno.test("what was to go when the answer was lost is gone with the next look at everything", async () => {
  await using _ground = await makeGround("vxlan100");
  const ledger = new DesiredState();
  ledger.put({ route: WANTED, remembered: true, standing: INSTALLED });
  ledger.leave(WANTED.destination, "overlay");
  // Of this one the ledger never knew.
  ledger.leave(cidr("10.42.3.0/24"), "overlay");
  await batch([
    `route add ${TO} dev vxlan100 proto 142`,
    `route add ${MEMORY}`,
    "route add 10.42.3.0/24 dev vxlan100",
  ]);
  await using _deaf = openDeaf(ledger);
  await until(async () => await ip("-4 route show root 10.42.0.0/16") === "", {
    what: "no route of either",
  });
  await until(() => ledger.get(WANTED.destination) === undefined, {
    what: "nobody to want it",
  });
  assert.equal(await ip("route show table 142"), "");
});

Deno.test("a route that was written when the answer was lost counts as installed with the next look at everything", async () => {
  await using _ground = await makeGround("vxlan100");
  const ledger = new DesiredState();
  const standing = { kind: "troubled", sentence: "No answer from the kernel" } as const;
  ledger.put({ route: WANTED, remembered: false, standing });
  await batch([`route add ${TO} dev vxlan100 proto 142`]);
  await using _deaf = openDeaf(ledger);
  await until(() => ledger.get(WANTED.destination)?.standing.kind === "installed", {
    what: "the route to count as installed",
  });
});
