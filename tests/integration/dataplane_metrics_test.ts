/** What the adapter does is counted as it was, with the true reason of each `ip`. */
import assert from "node:assert/strict";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import type { Operation, Read } from "../../src/dataplane/dataplane.ts";
import {
  Iproute2Dataplane,
  type Iproute2Options,
} from "../../src/dataplane/iproute2/adapter.ts";
import { type CollectedMetrics, collectMetrics } from "../support/collected_metrics.ts";
import {
  address,
  batch,
  CAUSE,
  cidr,
  collectAuditLog,
  device,
  ip,
  ipChildren,
  makeGround,
} from "../support/fixtures.ts";
import { until } from "../support/wait.ts";

const VXLAN100 = device("vxlan100");
const LINK: Operation = { command: { kind: "link", device: VXLAN100 } };

interface Measured extends AsyncDisposable, CollectedMetrics {
  readonly dataplane: Iproute2Dataplane;
  /** Started `ip` processes, by reason. */
  starts(): Promise<Readonly<Record<string, number>>>;
}

function openMeasured(options: Iproute2Options = {}): Measured {
  const metrics = collectMetrics();
  const { instruments } = metrics;
  const dataplane = new Iproute2Dataplane(new AuditLog(collectAuditLog()), {
    ...options,
    instruments,
  });
  return {
    ...metrics,
    dataplane,
    starts: () => metrics.counted("quilt.dataplane.ip.starts"),
    [Symbol.asyncDispose]: () => dataplane.close(),
  };
}

function route(octet: number): Operation {
  const destination = cidr(`10.42.${octet}.0/24`);
  return {
    command: { kind: "add-route", route: { destination, device: VXLAN100 } },
    cause: CAUSE,
  };
}

Deno.test("operations are counted by kind and outcome, those of a batch and those of a dump", async () => {
  await using _ground = await makeGround("vxlan100");
  await using measured = openMeasured();
  const { counted, dataplane } = measured;
  const missing: Read = { kind: "best-route", destination: cidr("10.42.9.0/24") };
  const reads = [{ command: missing }, { command: { kind: "permission" } }] as const;
  await dataplane.run([LINK, ...reads, route(2), route(3), route(3)]);
  await dataplane.dump([{ kind: "own-routes" }, { kind: "links" }]);
  assert.deepEqual(await counted("quilt.dataplane.operations"), {
    "quilt.dataplane.operations add-route done": 2,
    "quilt.dataplane.operations add-route failed": 1,
    "quilt.dataplane.operations best-route absent": 1,
    "quilt.dataplane.operations link done": 1,
    "quilt.dataplane.operations links done": 1,
    "quilt.dataplane.operations own-routes done": 1,
    "quilt.dataplane.operations permission absent": 1,
  });
  assert.deepEqual(await counted("quilt.dataplane.exchange"), {
    "quilt.dataplane.exchange.duration batch answered": 1,
    "quilt.dataplane.exchange.duration dump answered": 1,
  });
  // The `ip` of a dump takes no other one's place.
  assert.deepEqual(await measured.starts(), { "quilt.dataplane.ip.starts first": 1 });
});

Deno.test("the queue's depth is that of the batches that are not answered, and each waits for those before it", async () => {
  await using _ground = await makeGround("vxlan100");
  await using measured = openMeasured();
  const { counted, dataplane, series } = measured;
  assert.equal(dataplane.queueDepth, 0);
  const batches = [1, 2, 3].map(() => dataplane.run([LINK]));
  assert.equal(dataplane.queueDepth, 3);
  await Promise.all(batches);
  assert.equal(dataplane.queueDepth, 0);
  const { "quilt.dataplane.queue.wait": waits } = await counted(
    "quilt.dataplane.queue",
  );
  assert.equal(waits, 3);
  const waited = (await series()).find(({ name }) =>
    name === "quilt.dataplane.queue.wait"
  );
  assert.ok(waited !== undefined && waited.sum > 0 && waited.sum < 60);
});

Deno.test("an ip that is killed is replaced with the reason lost", async () => {
  await using _ground = await makeGround("vxlan100");
  await using measured = openMeasured();
  const { dataplane, starts } = measured;
  await dataplane.run([LINK]);
  for (const pid of ipChildren()) Deno.kill(pid, "SIGKILL");
  await until(() => ipChildren().length === 0, { what: "its end" });
  await dataplane.run([LINK]);
  // It may have been sent the batch before its end was noticed.
  await dataplane.run([LINK]);
  assert.deepEqual(await starts(), {
    "quilt.dataplane.ip.starts first": 1,
    "quilt.dataplane.ip.starts lost": 1,
  });
});

Deno.test("a batch whose ip hangs counts as a lost exchange, and its operations as unknown", async () => {
  await using _ground = await makeGround("vxlan100");
  await using measured = openMeasured({ deadlineMs: 300 });
  const { counted, dataplane, starts } = measured;
  await dataplane.run([LINK]);
  for (const pid of ipChildren()) Deno.kill(pid, "SIGSTOP");
  assert.equal((await dataplane.run([LINK, route(2), route(3)])).kind, "lost");
  assert.deepEqual(await counted("quilt.dataplane.operations"), {
    "quilt.dataplane.operations add-route unknown": 2,
    "quilt.dataplane.operations link done": 1,
    "quilt.dataplane.operations link unknown": 1,
  });
  assert.deepEqual(await counted("quilt.dataplane.exchange"), {
    "quilt.dataplane.exchange.duration batch answered": 1,
    "quilt.dataplane.exchange.duration batch lost": 1,
  });
  await dataplane.run([LINK]);
  assert.deepEqual(await starts(), {
    "quilt.dataplane.ip.starts first": 1,
    "quilt.dataplane.ip.starts lost": 1,
  });
});

Deno.test("an ip that has changed as many routes as it may is replaced with the reason rotation", async () => {
  await using _ground = await makeGround("vxlan100");
  await using measured = openMeasured({ mutationsPerProcess: 4 });
  const { dataplane, starts } = measured;
  for (let octet = 1; octet <= 9; octet += 1) await dataplane.run([route(octet)]);
  assert.deepEqual(await starts(), {
    "quilt.dataplane.ip.starts first": 1,
    "quilt.dataplane.ip.starts rotation": 2,
  });
});

Deno.test("an ip that knows an old index of a device is replaced with the reason stale", async () => {
  await using ground = await makeGround("vxlan100");
  await using measured = openMeasured();
  const { dataplane, starts } = measured;
  await dataplane.run([LINK, route(2)]);
  await ip("link delete vxlan100");
  await ground.addDevice("vxlan100");
  await dataplane.run([route(3)]);
  await dataplane.run([route(3)]);
  assert.deepEqual(await starts(), {
    "quilt.dataplane.ip.starts first": 1,
    "quilt.dataplane.ip.starts stale": 1,
  });
});

Deno.test("an ip that ends at a refused probe is replaced with the reason refused", async () => {
  await using _ground = await makeGround("vxlan100");
  await batch(["neigh add 10.42.2.1 lladdr 02:00:00:00:00:01 dev vxlan100"]);
  await using measured = openMeasured();
  const { counted, dataplane, starts } = measured;
  const probe = { device: VXLAN100, address: address("10.42.2.1") };
  await dataplane.run([LINK]);
  await dataplane.run([{ command: { kind: "probe-neighbour", probe }, cause: CAUSE }]);
  await dataplane.run([LINK]);
  assert.deepEqual(await counted("quilt.dataplane.operations"), {
    "quilt.dataplane.operations link done": 2,
    "quilt.dataplane.operations probe-neighbour failed": 1,
  });
  assert.deepEqual(await starts(), {
    "quilt.dataplane.ip.starts first": 1,
    "quilt.dataplane.ip.starts refused": 1,
  });
});

Deno.test("an ip that may have left half a line at a read that failed is replaced with the reason refused", async () => {
  await using _ground = await makeGround("vxlan100");
  await using measured = openMeasured();
  const { dataplane, starts } = measured;
  const failing: Read = { kind: "neighbours", device: device("missing0") };
  await dataplane.run([{ command: failing }]);
  await dataplane.run([LINK]);
  assert.deepEqual(await starts(), {
    "quilt.dataplane.ip.starts first": 1,
    "quilt.dataplane.ip.starts refused": 1,
  });
});
