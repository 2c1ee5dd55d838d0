import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { cidr, ip, makeGround } from "../support/fixtures.ts";
import { openReconciledRoutes, type ReconciledRoutes } from "./reconciled_routes.ts";
import { peers, shown } from "./routes_harness.ts";

const TO = "10.42.2.0/24";

Deno.test("everything is looked at although events are missed all the time", async () => {
  await using _ground = await makeGround("vxlan100");
  await using node = await openReconciledRoutes({ watches: false });
  await node.sync(peers(2, 1));
  await ip("route flush table 142");
  await until(async () => {
    node.repair.onKernelEvent({ kind: "events-lost", why: "as the test wants" });
    return (await node.ours()).join() === shown(peers(2, 1)).join();
  }, { what: "the memory to be written again" });
});

/** Holds what the first survey has read; it goes on when the answer is called. */
async function holdFirstSurvey(node: ReconciledRoutes): Promise<() => Promise<void>> {
  const { promise, resolve } = Promise.withResolvers<void>();
  node.dataplane.holdsDump = promise;
  await until(() => node.dataplane.dumps === 1, {
    what: "the first look at everything",
  });
  return async () => {
    node.dataplane.holdsDump = Promise.resolve();
    resolve();
    // All that the look leads to happens before the next timer.
    await new Promise((resolve) => setTimeout(resolve));
  };
}

Deno.test("a look at everything during which events were missed is followed by another one, and not trusted", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using node = await openReconciledRoutes({ watches: false });
  const goOn = await holdFirstSurvey(node);
  await ip(`route add ${TO} dev other proto static metric 50`);
  node.repair.onKernelEvent({ kind: "events-lost", why: "as the test wants" });
  await goOn();
  assert.equal(node.cache.isClear(cidr(TO)), false);
  await until(() => node.cache.isClear(cidr("10.42.3.0/24")), {
    what: "the next look at everything",
  });
  assert.equal(node.dataplane.dumps, 2);
  assert.equal(node.cache.isClear(cidr(TO)), false);
});

Deno.test("while nobody hears events no ground counts as clear, until somebody has heard them for a while", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using node = await openReconciledRoutes({ watches: false, resyncMs: 100 });
  const clear = () => node.cache.isClear(cidr(TO));
  await until(clear, { what: "the first look at everything" });
  node.repair.onKernelEvent({ kind: "monitor-down", why: "as the test wants" });
  const { dumps } = node.dataplane;
  await until(() => node.dataplane.dumps >= dumps + 3, { what: "further looks" });
  assert.equal(clear(), false);
  const listening = performance.now();
  node.repair.onKernelEvent({ kind: "monitor-up" });
  await until(clear, { what: "a look that can be trusted" });
  assert.ok(performance.now() - listening >= 500);
});
