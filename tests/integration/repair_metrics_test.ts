/** Each repair, contention and resync is counted once, with its true cause. */
import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { type CollectedMetrics, collectMetrics } from "../support/collected_metrics.ts";
import { batch, ip, makeGround, routesTo } from "../support/fixtures.ts";
import { writes } from "./losing_dataplane.ts";
import { openNodeUnderTest } from "./node_harness.ts";
import { openReconciledRoutes } from "./reconciled_routes.ts";

const TO = "10.42.2.0/24";
const RECORD = `unreachable ${TO} table 142 proto 142 metric 142`;

/** The repairs so far that changed something, or could not, e.g. `event changed`. */
async function repairs(
  { counted }: CollectedMetrics,
): Promise<Readonly<Record<string, number>>> {
  const all = Object.entries(await counted("quilt.repairs"));
  return Object.fromEntries(
    all.filter(([name]) => !name.endsWith(" unchanged"))
      .map(([name, count]) => [name.replace("quilt.repairs ", ""), count]),
  );
}

async function untilRepaired(metrics: CollectedMetrics, name: string): Promise<void> {
  await until(async () => (await repairs(metrics))[name] !== undefined, {
    what: () => `a repair "${name}"`,
  });
}

/** The sum of the durations of a cause, in seconds. */
async function secondsOf(
  { series }: CollectedMetrics,
  cause: string,
): Promise<number> {
  return (await series()).filter(({ attributes, name }) =>
    name === "quilt.repair.duration" && attributes["quilt.cause"] === cause
  ).reduce((sum, one) => sum + one.sum, 0);
}

Deno.test("a route that another process deletes counts as one repair by an event, and its time is from the event on", async () => {
  await using _ground = await makeGround("vxlan100");
  const metrics = collectMetrics();
  await using peer = await openReconciledRoutes({ ...metrics, resyncs: false });
  await peer.receivesEvents();
  assert.equal((await peer.inject(TO)).kind, "added");
  const started = performance.now();
  await ip(`route del ${TO}`);
  await untilRepaired(metrics, "event changed");
  assert.deepEqual(await repairs(metrics), { "event changed": 1 });
  // No resync had to find it.
  assert.deepEqual(await metrics.counted("quilt.resync.drift"), {});
  const seconds = await secondsOf(metrics, "event");
  assert.ok(seconds > 0 && seconds * 1000 <= performance.now() - started, `${seconds}`);
});

Deno.test("a record that another process deletes counts as a repair by an event, and not as drift", async () => {
  await using _ground = await makeGround("vxlan100");
  const metrics = collectMetrics();
  await using peer = await openReconciledRoutes({ ...metrics, resyncs: false });
  await peer.receivesEvents();
  assert.equal((await peer.inject(TO)).kind, "added");
  await ip(`route del ${RECORD}`);
  await until(async () => await ip("route show table 142") !== "", {
    what: "the record",
  });
  const name = "quilt.repairs event unchanged";
  await until(async () => (await metrics.counted("quilt.repairs"))[name] === 1, {
    what: "its repair",
  });
  assert.deepEqual(await metrics.counted("quilt.resync.drift"), {});
});

Deno.test("a link that goes down and up counts as repairs by the link", async () => {
  await using _ground = await makeGround("vxlan100");
  const metrics = collectMetrics();
  await using peer = await openReconciledRoutes({ ...metrics, resyncs: false });
  await peer.receivesEvents();
  assert.equal((await peer.inject(TO)).kind, "added");
  await ip("link set vxlan100 down");
  await untilRepaired(metrics, "link pending");
  await ip("link set vxlan100 up");
  await untilRepaired(metrics, "link changed");
  assert.deepEqual(await repairs(metrics), { "link changed": 1, "link pending": 1 });
});

Deno.test("what no event announced counts as drift of a resync, and as a repair by it", async () => {
  await using _ground = await makeGround("vxlan100");
  const metrics = collectMetrics();
  await using peer = await openReconciledRoutes({
    ...metrics,
    watches: false,
    resyncMs: 50,
  });
  assert.equal((await peer.inject(TO)).kind, "added");
  assert.equal((await peer.inject("10.42.3.0/24")).kind, "added");
  await until(
    async () => "quilt.resync.duration succeeded" in await metrics.counted(""),
    {
      what: "a resync",
    },
  );
  assert.deepEqual(await metrics.counted("quilt.resync.drift"), {});
  await batch([`route del ${TO} proto 142`, `route del ${RECORD}`]);
  await untilRepaired(metrics, "resync changed");
  // One resync may read one of them before it is deleted.
  const drift = () => metrics.counted("quilt.resync.drift");
  await until(async () => Object.keys(await drift()).length === 2, {
    what: "both differences",
  });
  assert.deepEqual(await repairs(metrics), { "resync changed": 1 });
  assert.deepEqual(await drift(), {
    "quilt.resync.drift record": 1,
    "quilt.resync.drift route": 1,
  });
});

Deno.test("a route that waits for its device is no drift, and what calls write while a resync reads is none", async () => {
  await using _ground = await makeGround("vxlan100");
  const metrics = collectMetrics();
  await using peer = await openReconciledRoutes({
    ...metrics,
    watches: false,
    resyncMs: 50,
  });
  const { dataplane } = peer;
  const held = Promise.withResolvers<void>();
  dataplane.holdsDump = held.promise;
  const before = dataplane.dumps;
  await until(() => dataplane.dumps > before, { what: "a resync that has read" });
  assert.equal((await peer.inject("10.42.3.0/24")).kind, "added");
  held.resolve();
  await until(() => dataplane.dumps > before + 2, { what: "its end" });
  await ip("link set vxlan100 down");
  assert.equal((await peer.inject(TO)).kind, "refused");
  // No event reports the other one, which has gone with the link.
  await untilRepaired(metrics, "resync pending");
  const { dumps } = dataplane;
  await until(() => dataplane.dumps > dumps + 3, { what: "some resyncs" });
  assert.deepEqual(await metrics.counted("quilt.resync.drift"), {});
});

Deno.test("a resync that fails is counted as failed", async () => {
  await using _ground = await makeGround("vxlan100");
  const metrics = collectMetrics();
  await using _peer = await openReconciledRoutes({
    ...metrics,
    resyncs: false,
    resyncMs: 50,
  });
  await until(async () => "quilt.resync.duration failed" in await metrics.counted(""), {
    what: "a resync that fails",
  });
});

Deno.test("what a call could not complete counts as a repair by the call", async () => {
  await using _ground = await makeGround("vxlan100");
  const metrics = collectMetrics();
  await using peer = await openReconciledRoutes({ ...metrics, resyncs: false });
  await peer.receivesEvents();
  peer.dataplane.loses = (operations) => {
    const isCall = operations.some((operation) =>
      "cause" in operation && operation.cause.rpc === "InjectRoute"
    );
    return isCall ? "before" : undefined;
  };
  assert.equal((await peer.inject(TO)).kind, "refused");
  await untilRepaired(metrics, "call changed");
  assert.deepEqual(await repairs(metrics), { "call changed": 1 });
});

Deno.test("a repair that is lost counts as lost, and what follows as a retry whose time is from the first cause on", async () => {
  await using _ground = await makeGround("vxlan100");
  const metrics = collectMetrics();
  await using peer = await openReconciledRoutes({ ...metrics, resyncs: false });
  await peer.receivesEvents();
  assert.equal((await peer.inject(TO)).kind, "added");
  peer.dataplane.loses = (operations) => writes(operations) ? "before" : undefined;
  await ip(`route del ${TO}`);
  await untilRepaired(metrics, "event lost");
  const lostMs = performance.now();
  // Their pauses grow to 500 ms: all of them take longer than the last one.
  await until(async () => ((await repairs(metrics))["retry lost"] ?? 0) >= 7, {
    what: "several retries",
  });
  assert.equal(await secondsOf(metrics, "event"), 0);
  const heldMs = performance.now() - lostMs;
  peer.dataplane.loses = () => undefined;
  await untilRepaired(metrics, "retry changed");
  const { "event lost": first, "retry changed": last } = await repairs(metrics);
  assert.deepEqual([first, last], [1, 1]);
  const retriedMs = await secondsOf(metrics, "retry") * 1000;
  assert.ok(retriedMs >= heldMs, `${retriedMs} of ${heldMs} ms`);
  assert.equal((await routesTo(TO)).length, 1);
});

Deno.test("another process that keeps deleting a route counts as one contention, however long it goes on", async () => {
  await using _ground = await makeGround("vxlan100");
  const { counted, instruments } = collectMetrics();
  await using peer = await openNodeUnderTest({ instruments });
  assert.equal(await peer.inject(TO), "added");
  let deletions = 0;
  const isContended = async () => {
    await ip(`route del ${TO} proto 142`).then(() => deletions += 1, () => {});
    return "quilt.contention route" in await counted("") && deletions > 8;
  };
  await until(isContended, { what: "the contention", everyMs: 20 });
  assert.deepEqual(await counted("quilt.contention"), { "quilt.contention route": 1 });
});

Deno.test("a link that keeps going up and down counts as one contention of a link", async () => {
  await using _ground = await makeGround("vxlan100");
  const { counted, instruments } = collectMetrics();
  await using peer = await openNodeUnderTest({ instruments });
  assert.equal(await peer.inject(TO), "added");
  const isFlapping = async () => {
    const isUp = (await routesTo(TO)).length > 0;
    const [listed] = await peer.node.routes.list();
    // Each half is seen before the next one.
    if (isUp && listed?.pending === "") await ip("link set vxlan100 down");
    else if (!isUp && listed?.pending !== "") await ip("link set vxlan100 up");
    return "quilt.contention link" in await counted("");
  };
  await until(isFlapping, { what: "the contention", everyMs: 20 });
  assert.deepEqual(await counted("quilt.contention"), { "quilt.contention link": 1 });
});

Deno.test("events that keep getting lost count as one contention of the monitor", async () => {
  await using _ground = await makeGround("vxlan100");
  const { counted, instruments } = collectMetrics();
  await using peer = await openReconciledRoutes({ instruments });
  for (let loss = 0; loss < 10; loss += 1) {
    peer.repair.onKernelEvent({ kind: "events-lost", why: "as the test wants" });
  }
  assert.deepEqual(await counted("quilt.contention"), {
    "quilt.contention monitor": 1,
  });
});
