import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { cidr, ip, makeGround } from "../support/fixtures.ts";
import { openReconciledRoutes, type ReconciledRoutes } from "./reconciled_routes.ts";
import { peers, shown } from "./routes_harness.ts";

const TO = "10.42.2.0/24";

Deno.test("resync completes although events are lost all the time", async () => {
  await using _ground = await makeGround("vxlan100");
  await using node = await openReconciledRoutes({ watches: false });
  await node.sync(peers(2, 1));
  await ip("route flush table 142");
  await until(async () => {
    node.repair.onKernelEvent({ kind: "events-lost", why: "as the test wants" });
    return (await node.ours()).join() === shown(peers(2, 1)).join();
  }, { what: "the records to be written again" });
});

/** Holds the result of the first dump until the caller calls the returned function. */
async function holdFirstDump(node: ReconciledRoutes): Promise<() => Promise<void>> {
  const { promise, resolve } = Promise.withResolvers<void>();
  node.dataplane.holdsDump = promise;
  await until(() => node.dataplane.dumps === 1, {
    what: "the first resync",
  });
  return async () => {
    node.dataplane.holdsDump = Promise.resolve();
    resolve();
    // All that the resync causes happens before the next timer.
    await new Promise((resolve) => setTimeout(resolve));
  };
}

Deno.test("a resync during which events were lost is not trusted, and another one follows", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using node = await openReconciledRoutes({ watches: false });
  const goOn = await holdFirstDump(node);
  await ip(`route add ${TO} dev other proto static metric 50`);
  node.repair.onKernelEvent({ kind: "events-lost", why: "as the test wants" });
  await goOn();
  assert.equal(node.cache.isClear(cidr(TO)), false);
  await until(() => node.cache.isClear(cidr("10.42.3.0/24")), {
    what: "the next resync",
  });
  assert.equal(node.dataplane.dumps, 2);
  assert.equal(node.cache.isClear(cidr(TO)), false);
});

Deno.test("the kernel cache trusts no destination while the monitor is down, until it has been up for a while", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using node = await openReconciledRoutes({ watches: false, resyncMs: 100 });
  const clear = () => node.cache.isClear(cidr(TO));
  await until(clear, { what: "the first resync" });
  node.repair.onKernelEvent({ kind: "monitor-down", why: "as the test wants" });
  const { dumps } = node.dataplane;
  await until(() => node.dataplane.dumps >= dumps + 3, { what: "further resyncs" });
  assert.equal(clear(), false);
  const listening = performance.now();
  node.repair.onKernelEvent({ kind: "monitor-up" });
  await until(clear, { what: "a resync that can be trusted" });
  assert.ok(performance.now() - listening >= 500);
});
