import assert from "node:assert/strict";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import {
  Iproute2Dataplane,
  type Iproute2Options,
} from "../../src/dataplane/iproute2/adapter.ts";
import { answerOf, type Operation, type Read } from "../../src/dataplane/dataplane.ts";
import { until } from "../support/wait.ts";
import {
  type AuditLines,
  CAUSE,
  cidr,
  collectAuditLog,
  device,
  ipChildren,
  makeDice,
  makeGround,
  routesTo,
} from "../support/fixtures.ts";
import { openNodeUnderTest } from "./node_harness.ts";
import { median } from "../bench/statistics.ts";
import { slowness } from "../support/slowness.ts";
import { bounded } from "../support/suite.ts";

/** Milliseconds for a batch after a loss on a quiet machine, with the start of `ip`. */
const RECOVERY_MS = 100;

/** On any machine; a batch that waited for a deadline (2 s) would take longer. */
const BUSY_RECOVERY_MS = 1_900;

const READ: readonly Operation[] = [{
  command: { kind: "link", device: device("lo") },
}];

/** The kernel may end a killed one a moment later. */
async function noChildren(): Promise<void> {
  await until(() => ipChildren().length === 0, {
    what: () => `the end of ${ipChildren()}`,
  });
}

interface OpenDataplane extends AsyncDisposable {
  readonly dataplane: Iproute2Dataplane;
  readonly trail: AuditLines;
}

function openDataplane(options: Iproute2Options = {}): OpenDataplane {
  const trail = collectAuditLog();
  const dataplane = new Iproute2Dataplane(new AuditLog(trail), options);
  return { dataplane, trail, [Symbol.asyncDispose]: () => dataplane.close() };
}

/** Many mutations that take long enough to be caught in the middle. */
function longWork(length: number): readonly Operation[] {
  return Array.from({ length }, (_, index): Operation => ({
    command: {
      kind: "replace-route",
      route: {
        destination: cidr(`10.42.${index % 250}.0/24`),
        device: device("vxlan100"),
      },
    },
    cause: CAUSE,
  }));
}

function onlyChild(): number {
  const [pid, ...others] = ipChildren();
  assert.ok(pid !== undefined && others.length === 0, "one ip is at work");
  return pid;
}

/** Milliseconds until a batch is answered. */
async function answers(dataplane: Iproute2Dataplane): Promise<number> {
  const started = performance.now();
  assert.equal((await dataplane.run(READ)).kind, "answered");
  return performance.now() - started;
}

/** The duration of a batch, and the slowness of the machine meanwhile. */
interface Recovery {
  readonly ms: number;
  readonly slow: number;
}

/** Most batches after a loss are quick, and none waits for long. */
function assertRecovers(recoveries: readonly Recovery[]): void {
  if (recoveries.length === 0) return;
  const shown = "ms after each loss, and how slow the machine was: " +
    recoveries.map(({ ms, slow }) => `${ms.toFixed()} (${slow.toFixed(1)})`).join(" ");
  assert.ok(median(recoveries.map(({ ms, slow }) => ms / slow)) <= RECOVERY_MS, shown);
  assert.ok(Math.max(...recoveries.map(({ ms }) => ms)) <= BUSY_RECOVERY_MS, shown);
}

Deno.test("Dataplane loses the batch during which ip is killed, and answers the next one within 100 ms", async () => {
  await using _ground = await makeGround("vxlan100");
  // Millions of records are too many to be kept, and too many to be parsed.
  const records = { all: 0, unknown: 0 };
  const write = (line: string): void => {
    records.all += 1;
    if (line.includes(`"outcome":"unknown"`)) records.unknown += 1;
  };
  // So many records keep a slow machine busy for longer than the usual 2 s.
  const options = { deadlineMs: 20_000 };
  const dataplane = new Iproute2Dataplane(
    new AuditLog({ ...collectAuditLog(), write }),
    options,
  );
  await using _open = { [Symbol.asyncDispose]: () => dataplane.close() };
  const took: Recovery[] = [];
  const work = longWork(200_000);
  for (let round = 0; round < bounded(10, 3); round += 1) {
    await dataplane.run(READ);
    const pid = onlyChild();
    Object.assign(records, { all: 0, unknown: 0 });
    const lost = dataplane.run(work);
    const behind = dataplane.run(READ);
    // In the middle: a first route is in, the last cannot be.
    await until(() => isRouted(), { what: "the first route", everyMs: 1 });
    Deno.kill(pid, "SIGKILL");
    assert.equal((await lost).kind, "lost");
    const from = performance.now();
    assert.equal((await behind).kind, "answered");
    took.push({ ms: performance.now() - from, slow: await slowness() });
    assert.deepEqual(records, { all: work.length, unknown: work.length });
    await flush(dataplane);
  }
  assertRecovers(took);
});

function isRouted(): boolean {
  return /^vxlan100\t/m.test(Deno.readTextFileSync("/proc/self/net/route"));
}

async function flush(dataplane: Iproute2Dataplane): Promise<void> {
  const operations = Array.from({ length: 250 }, (_, index): Operation => ({
    command: {
      kind: "delete-route",
      route: {
        destination: cidr(`10.42.${index}.0/24`),
        device: undefined,
        gateway: false,
        protocol: 142,
        metric: 0,
        tos: 0,
        type: 1,
        table: 254,
      },
    },
    cause: CAUSE,
  }));
  assert.equal((await dataplane.run(operations)).kind, "answered");
  assert.deepEqual(isRouted(), false);
}

Deno.test("Dataplane answers or loses each batch, and never gives a wrong answer, whenever ip is killed", async () => {
  await using _ground = await makeGround("vxlan100");
  await using open = openDataplane();
  const { dataplane } = open;
  const dice = makeDice();
  const took: Recovery[] = [];
  const rounds = bounded(100, 20);
  let answered = 0;
  for (let round = 0; round < rounds; round += 1) {
    const replies = Array.from({ length: 5 }, () => dataplane.run(READ));
    for (let turn = dice.roll(4); turn > 0; turn -= 1) await replies[turn];
    for (const pid of ipChildren()) Deno.kill(pid, "SIGKILL");
    for (const reply of await Promise.all(replies)) {
      if (reply.kind === "lost") continue;
      assert.equal(reply.kind, "answered");
      const [result] = reply.kind === "answered" ? reply.results : [];
      const link = answerOf(result, "link")?.link;
      assert.ok(link?.kind === "present" && link.ifindex === 1);
      answered += 1;
    }
    const lostAtMost = await dataplane.run(READ);
    if (lostAtMost.kind === "lost") {
      took.push({ ms: await answers(dataplane), slow: await slowness() });
    }
  }
  assertRecovers(took);
  // One kill loses one batch, or the one that was sent before the exit was noticed.
  const shown = `${answered} of ${rounds * 5} answered, with the seed ${dice.seed}`;
  assert.ok(answered >= rounds * 3, shown);
});

Deno.test("Dataplane kills a stopped ip at the deadline, and answers the next batch", async () => {
  await using _ground = await makeGround("vxlan100");
  const deadlineMs = 1_000;
  await using open = openDataplane({ deadlineMs });
  const { dataplane, trail } = open;
  await dataplane.run(READ);
  const pid = onlyChild();
  Deno.kill(pid, "SIGSTOP");
  const started = performance.now();
  const reply = await dataplane.run(longWork(1));
  const took = performance.now() - started;
  assert.deepEqual(reply, { kind: "lost", why: "ip did not answer within 1000 ms" });
  assert.ok(
    took >= deadlineMs - 1 && took < deadlineMs + BUSY_RECOVERY_MS,
    `${took} ms`,
  );
  assert.ok(await answers(dataplane) <= BUSY_RECOVERY_MS);
  await until(() => !ipChildren().includes(pid), { what: "the stopped ip to end" });
  assert.equal(trail.records[0]?.["outcome"], "unknown");
  // The stopped `ip` never executed the commands that it had received.
  assert.deepEqual(await routesTo("10.42.0.0/24"), []);
});

Deno.test("Dataplane answers the batches in flight when it is closed, and refuses later ones", async () => {
  await using _ground = await makeGround("vxlan100");
  const { dataplane } = openDataplane();
  const inFlight = [
    dataplane.run(READ),
    dataplane.run(longWork(500)),
    dataplane.run(READ),
  ];
  const closing = dataplane.close();
  assert.deepEqual(await dataplane.run(READ), {
    kind: "lost",
    why: "the sidecar is shutting down",
  });
  const kinds = (await Promise.all(inFlight)).map(({ kind }) => kind);
  assert.deepEqual(kinds, ["answered", "answered", "answered"]);
  await closing;
  await noChildren();
  await dataplane.close();
});

Deno.test("Dataplane closes in bounded time although its ip is stopped", async () => {
  const { dataplane } = openDataplane();
  await dataplane.run(READ);
  Deno.kill(onlyChild(), "SIGSTOP");
  const started = performance.now();
  await dataplane.close();
  assert.ok(performance.now() - started < 10_000);
  await noChildren();
});

Deno.test("Dataplane refuses batches beyond its queue limit, and accepts more after an answer", async () => {
  await using open = openDataplane({ queueLimit: 4 });
  const { dataplane } = open;
  for (let round = 0; round < 3; round += 1) {
    const replies = Array.from({ length: 7 }, () => dataplane.run(READ));
    const outcomes = (await Promise.all(replies)).map((reply) =>
      reply.kind === "lost" ? reply.why : reply.kind
    );
    const taken = Array.from({ length: 4 }, () => "answered");
    const refused = Array.from({ length: 3 }, () => "too many batches are waiting");
    assert.deepEqual(outcomes, [...taken, ...refused]);
  }
});

Deno.test("Dataplane answers an empty batch with no results", async () => {
  await using open = openDataplane();
  const reply = await open.dataplane.run([]);
  assert.deepEqual(reply, { kind: "answered", results: [] });
});

Deno.test("Dataplane loses a batch with the reason if ip is not installed", async () => {
  const path = Deno.env.get("PATH") ?? "";
  Deno.env.set("PATH", "/nonexistent");
  try {
    await using open = openDataplane();
    const reply = await open.dataplane.run(READ);
    assert.equal(reply.kind, "lost");
    assert.match(reply.kind === "lost" ? reply.why : "", /\bip was not found\b/);
  } finally {
    Deno.env.set("PATH", path);
  }
});

const DUMP: readonly Read[] = [{ kind: "own-routes" }];

Deno.test("Dataplane does not wait for a stopped ip when it is aborted", async () => {
  const { dataplane } = openDataplane();
  await dataplane.run(READ);
  Deno.kill(onlyChild(), "SIGSTOP");
  const inFlight = [dataplane.run(READ), dataplane.run(READ), dataplane.dump(DUMP)];
  dataplane.abort();
  const lost = { kind: "lost", why: "the sidecar is shutting down" };
  assert.deepEqual(await Promise.all(inFlight), [lost, lost, lost]);
  assert.deepEqual(await dataplane.run(READ), {
    kind: "lost",
    why: "the sidecar is shutting down",
  });
  await dataplane.close();
  await until(() => ipChildren().length === 0, { what: "both ip to end" });
});

Deno.test("Node closes in bounded time although calls wait for a stopped ip", async () => {
  await using _ground = await makeGround("vxlan100");
  const { inject, node } = await openNodeUnderTest();
  await inject("10.42.1.0/24");
  Deno.kill(onlyChild(), "SIGSTOP");
  const calls = Array.from({ length: 200 }, (_, at) => inject(`10.42.${at + 2}.0/24`));
  const started = performance.now();
  await node.close();
  const took = performance.now() - started;
  // The limit allows one deadline of a batch (2 s), and no wait for the batches behind it.
  assert.ok(took < 6_000, `${took} ms`);
  for (const answer of await Promise.all(calls)) {
    assert.match(answer, /^No answer from the kernel about|^added$/);
  }
});
