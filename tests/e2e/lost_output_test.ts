/**
 * Calls and counts while the outputs of a sidecar are closed, full or slow, while its disk
 * is full, and while its collector hangs: calls are answered at the same pace, and every
 * place has the same counts. The oracle is what the test has asked for: each new route is
 * two records of the trail and three lines of the log. It compares times: @alone @long
 */
import assert from "node:assert/strict";
import {
  type JsonObject,
  objectAt,
  parseJsonObject,
  stringAt,
} from "../../deploy/json.ts";
import { lostOf, readTrail, writtenOf } from "../support/audit_chain.ts";
import { parseExposition, seriesKey, valuesOf } from "../support/exposition.ts";
import type { Namespace } from "../support/namespace.ts";
import {
  type OtlpCollector,
  otlpEnvironment,
  startCollector,
} from "../support/otlp_collector.ts";
import { clientCommand } from "../support/serve_task.ts";
import { openSmallDisk } from "../support/small_disk.ts";
import { bounded, fullTest } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import { done } from "./host.ts";
import { openReadHost, type ReadHost, type ReadHostOptions } from "./read_outputs.ts";
import { scrape } from "./scrape.ts";

/** How many times longer than with healthy outputs a call may take. */
const MOST = 3;

/** Calls of which the median is taken. */
const CALLS = bounded(300, 100);

/** Milliseconds until a slow reader on a busy machine has read what there is. */
const PATIENCE_MS = 60_000;

/** Bytes of the trail and of the log that each new route has at least, without hashes. */
const ROUTE_BYTES = { stdout: 400, stderr: 550 };

/** More than a pipe, its reader and the batch in flight hold together. */
const IN_FLIGHT_BYTES = 4 * 65_536;

/** So many routes that memory does not hold their records, or their lines of the log. */
const MORE_THAN_TRAIL_HOLDS = Math.ceil(
  (4 * 1024 * 1024 + IN_FLIGHT_BYTES) / ROUTE_BYTES.stdout,
);
const MORE_THAN_LOG_HOLDS = Math.ceil(
  (1024 * 1024 + IN_FLIGHT_BYTES) / ROUTE_BYTES.stderr,
);

/** Lines of an output. */
interface Lines {
  readonly written: number;
  readonly lost: number;
}

/** The counts of one place. */
interface Counts {
  readonly trail: Lines;
  readonly log: Lines;
}

/** A host, and what was asked of it. */
interface Asked {
  readonly host: ReadHost;
  /** Routes that were asked for until now; all of them are new ones. */
  routes: number;
  /** What stands in the trail and in the log until now. */
  readonly trail: () => string;
  readonly log: () => string;
}

async function ask(
  options: ReadHostOptions = {},
  files: Partial<Pick<Asked, "trail" | "log">> = {},
) {
  const host = await openReadHost({ ...options, ...files });
  const { stderr, stdout } = host;
  return {
    host,
    routes: 0,
    trail: () => stdout.text,
    log: () => stderr.text,
    ...files,
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

/** Asks for a new route, and returns how many microseconds it takes. */
async function inject(asked: Asked): Promise<number> {
  const route = asked.routes;
  asked.routes += 1;
  // Without 10.42.1.0/24, the subnet of the bridge.
  const { answer, microseconds } = await asked.host.client.call("InjectRoute", {
    destination: `10.${43 + (route >> 8)}.${route & 255}.0/24`,
    via_interface: "vxlan100",
  });
  assert.deepEqual(answer, done);
  return microseconds;
}

/** The median time of a call, one after the other. */
async function pace(asked: Asked): Promise<number> {
  const times: number[] = [];
  while (times.length < CALLS) times.push(await inject(asked));
  times.sort((a, b) => a - b);
  return times[CALLS >> 1] ?? 0;
}

/** The same with healthy outputs: the first calls of a process take longer. */
async function healthyPace(asked: Asked): Promise<number> {
  await pace(asked);
  return await pace(asked);
}

async function assertPace(asked: Asked, healthy: number): Promise<void> {
  const median = await pace(asked);
  assert.ok(median < healthy * MOST, `${median} µs to ${healthy} µs`);
}

/** Asks for so many new routes, many at a time. */
async function injectMany(asked: Asked, count: number): Promise<void> {
  const upTo = asked.routes + count;
  const askOn = async (): Promise<void> => {
    while (asked.routes < upTo) await inject(asked);
  };
  await Promise.all(Array.from({ length: 50 }, askOn));
}

/** What `status` says; it does not count the lines of the log that are written. */
async function fromStatus({ host }: Asked) {
  const { stderr, stdout } = await host.namespace.run(
    clientCommand("status", ["--json"]),
  );
  assert.equal(stderr, "");
  const status = parseJsonObject(stdout);
  const { head, lost, written } = objectAt(status, "audit");
  const logLost = objectAt(status, "log")["lost"];
  return { head, trail: { written, lost }, log: { lost: logLost } };
}

async function fromMetrics({ host }: Asked): Promise<Counts> {
  const { text } = await scrape(host.namespace);
  const values = valuesOf(parseExposition(text, "prometheus"));
  const count = (name: string, quilt_result: "written" | "lost"): number =>
    values.get(seriesKey({ name, labels: { quilt_result } })) ??
      assert.fail(`${name} has no series for ${quilt_result}`);
  const lines = (name: string): Lines => ({
    written: count(name, "written"),
    lost: count(name, "lost"),
  });
  return {
    trail: lines("quilt_audit_lines_total"),
    log: lines("quilt_log_lines_total"),
  };
}

/** What the log says of itself, and what it says of the trail. */
function fromLog({ log }: Asked) {
  let lost = 0;
  let trailLost = 0;
  let calls = 0;
  const others: string[] = [];
  for (const line of log().split("\n").flatMap(parseIfWhole)) {
    const message = stringAt(line, "message");
    const gap = /^Lost (\d+) lines? of this log: /.exec(message);
    if (gap !== null) lost += Number(gap[1]);
    else if (line["rpc"] === "InjectRoute") calls += 1;
    else others.push(message);
    const notice =
      /^Lost (\d+) records? of the audit trail(?:, (\d+) since the start)?: .*; see docs\/audit\.md$/
        .exec(message);
    if (notice !== null) trailLost = Number(notice[2] ?? notice[1]);
  }
  return { lines: { written: calls + others.length, lost }, calls, others, trailLost };
}

function parseIfWhole(line: string): readonly JsonObject[] {
  try {
    return [parseJsonObject(line)];
  } catch {
    return [];
  }
}

/** What the trail says of itself. */
function fromTrail({ trail }: Asked) {
  const read = readTrail(trail());
  return {
    lines: { written: writtenOf(read).length, lost: lostOf(read) },
    head: read.head,
    records: read.records,
  };
}

/** The start record, and for each route its record and the route itself. */
function records({ routes }: Asked): number {
  return 1 + 2 * routes;
}

/** For each route the call, the change and the answer. */
function callLines({ routes }: Asked): number {
  return 3 * routes;
}

/**
 * Whether so many lines are lost, if so many of the calls are missing: the others are
 * those of the start, the notices, and what a busy machine makes of the log besides.
 */
function isLossOf(missing: number, lost: number): boolean {
  return missing <= lost && lost <= missing + (missing === 0 ? 0 : 10);
}

function areEqual([first, ...others]: readonly unknown[]): boolean {
  return others.every((other) => JSON.stringify(other) === JSON.stringify(first));
}

/** Waits until no record is in memory, and status and metrics say the same. */
async function settled(asked: Asked) {
  let latest: readonly unknown[] = [];
  const counts = await until(async () => {
    const status = await fromStatus(asked);
    const metrics = await fromMetrics(asked);
    latest = [status, metrics];
    const { log, trail } = metrics;
    const isSame = areEqual([[status.trail, status.log.lost], [trail, log.lost]]);
    return isSame && trail.written + trail.lost >= records(asked) &&
      log.written + log.lost >= callLines(asked) && { ...metrics, head: status.head };
  }, {
    what: () => `${records(asked)} records and the lines: ${JSON.stringify(latest)}`,
    deadlineMs: PATIENCE_MS,
    everyMs: 100,
  });
  assert.equal(counts.trail.written + counts.trail.lost, records(asked));
  return counts;
}

/** While it runs and both outputs can be read: all places have the same counts. */
async function assertAllAgree(asked: Asked): Promise<Counts> {
  let last = "";
  return await until(async () => {
    const { head, log, trail } = await settled(asked);
    const logged = fromLog(asked);
    const read = fromTrail(asked);
    last = JSON.stringify({ head, log, trail, logged, read: [read.lines, read.head] });
    return areEqual([[head, trail], [read.head, read.lines]]) &&
      areEqual([log, logged.lines]) &&
      isLossOf(callLines(asked) - logged.calls, log.lost) && { log, trail };
  }, {
    what: () => `${callLines(asked)} lines and the same counts everywhere: ${last}`,
    everyMs: 100,
  });
}

/** Stops it, and waits until all of its lines are read. */
async function stop({ host }: Asked): Promise<void> {
  assert.equal(await host.stop(), 0);
  await Promise.all([host.stdout.ended, host.stderr.ended]);
}

/** After the end: the trail has its end record, and its counts are those of before. */
function assertEndRecord(asked: Asked, { lost }: Lines): void {
  const { lines, records: read } = fromTrail(asked);
  assert.deepEqual(lines, { written: records(asked) + 1 - lost, lost });
  const { prev: _, time: __, ...end } = read.at(-1) ?? {};
  assert.deepEqual(end, {
    sequence: 2 * asked.routes + 1,
    event: "end",
    reason: "SIGTERM",
    mutations: 2 * asked.routes,
    lost,
  });
}

/** The same, and the log has in the end how many records are lost. */
function assertEnd(asked: Asked, lines: Lines): void {
  assertEndRecord(asked, lines);
  assert.equal(fromLog(asked).trailLost, lines.lost);
}

Deno.test("standard output whose reader has gone slows no call, and all records since are lost and counted", async () => {
  await using asked = await ask();
  const healthy = await healthyPace(asked);
  const before = await assertAllAgree(asked);
  await asked.host.stdout.leave();
  await assertPace(asked, healthy);
  const { head, log, trail } = await settled(asked);
  assert.deepEqual(trail, { written: before.trail.written, lost: 2 * CALLS });
  assert.deepEqual([head, log.lost], [fromTrail(asked).head, 0]);
  // The first one comes after a second, and may not have all; at the end the log has.
  await until(() => fromLog(asked).trailLost > 0, { what: "the notice" });
  await stop(asked);
  // The end record is lost as well.
  assert.equal(fromLog(asked).trailLost, trail.lost + 1);
});

Deno.test("standard error whose reader has gone slows no call, and all lines since are lost and counted", async () => {
  await using asked = await ask();
  const healthy = await healthyPace(asked);
  await assertAllAgree(asked);
  await asked.host.stderr.leave();
  await assertPace(asked, healthy);
  const { log, trail } = await settled(asked);
  assert.equal(log.written, fromLog(asked).lines.written);
  assert.ok(isLossOf(3 * CALLS, log.lost), `${log.lost} lines of ${CALLS} calls`);
  assert.deepEqual(fromTrail(asked).lines, trail);
  await stop(asked);
  assertEndRecord(asked, trail);
  assert.equal(trail.lost, 0);
});

/** Puts the trail, and the log if it is to, onto a disk with so much room. */
async function askOnDisk(
  kibibytes: number,
  what: "trail" | "trail and log",
  options: ReadHostOptions = {},
) {
  await using stack = new AsyncDisposableStack();
  const disk = stack.use(await openSmallDisk(kibibytes));
  const [trail, log] = [`${disk.folder}/audit.jsonl`, `${disk.folder}/log.jsonl`];
  for (const file of [trail, log]) await Deno.writeTextFile(file, "");
  const hasLog = what === "trail and log";
  const outputs = `>>"${trail}" ${hasLog ? `2>>"${log}"` : ""}`;
  const asked = stack.use(
    await ask(
      { ...options, launcher: ["sh", "-c", `exec "$@" ${outputs}`, "sh"] },
      {
        trail: () => Deno.readTextFileSync(trail),
        ...(hasLog ? { log: () => Deno.readTextFileSync(log) } : {}),
      },
    ),
  );
  const kept = stack.move();
  return Object.assign(asked, {
    disk,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  });
}

Deno.test("a full disk with the trail and the log slows no call; with room again, both count what they lack", async () => {
  await using asked = await askOnDisk(8_192, "trail and log");
  const healthy = await healthyPace(asked);
  const before = await assertAllAgree(asked);
  await asked.disk.fill();
  await assertPace(asked, healthy);
  await until(async () => {
    const { log } = await fromMetrics(asked);
    return log.written + log.lost > before.log.written + 3 * CALLS;
  }, { what: "a notice that is lost as well", everyMs: 100 });
  assert.equal(fromLog(asked).trailLost, 0);
  await asked.disk.free();
  await injectMany(asked, 10);
  const { log, trail } = await assertAllAgree(asked);
  assert.ok(trail.lost > CALLS && log.lost > CALLS, JSON.stringify({ log, trail }));
  await stop(asked);
  assertEnd(asked, trail);
});

fullTest("slow readers of both outputs slow no call and lose nothing", async () => {
  for (const output of ["stdout", "stderr"] as const) {
    await using asked = await ask();
    const healthy = await healthyPace(asked);
    await assertAllAgree(asked);
    const reader = asked.host[output];
    const before = reader.text.length;
    reader.read("slowly");
    // More than what a pipe and its reader hold.
    await injectMany(asked, Math.ceil(IN_FLIGHT_BYTES / ROUTE_BYTES[output]));
    await assertPace(asked, healthy);
    const read = reader.text.length - before;
    reader.read("at once");
    const { log, trail } = await assertAllAgree(asked);
    assert.deepEqual([trail.lost, log.lost], [0, 0]);
    const all = reader.text.length - before;
    assert.ok(read < all, `${read} of ${all} bytes were read at the end`);
    await stop(asked);
    assertEnd(asked, trail);
  }
});

fullTest(
  "a standard output that nobody reads slows no call; what memory does not hold is lost, counted, and has a gap",
  async () => {
    await using asked = await ask();
    const healthy = await healthyPace(asked);
    await assertAllAgree(asked);
    asked.host.stdout.read("never");
    await injectMany(asked, MORE_THAN_TRAIL_HOLDS);
    await assertPace(asked, healthy);
    const { trail } = await fromMetrics(asked);
    assert.ok(trail.lost > 0, JSON.stringify(trail));
    asked.host.stdout.read("at once");
    const after = await assertAllAgree(asked);
    assert.equal(after.log.lost, 0);
    await stop(asked);
    assertEnd(asked, after.trail);
  },
);

fullTest(
  "records that nobody reads until the end of the sidecar are lost, and the log counts them, never too few",
  async () => {
    await using asked = await ask();
    await injectMany(asked, 10);
    await assertAllAgree(asked);
    asked.host.stdout.read("never");
    await injectMany(asked, 1_000);
    assert.equal((await fromMetrics(asked)).trail.lost, 0);
    assert.equal(await asked.host.stop(), 0);
    asked.host.stdout.read("at once");
    await Promise.all([asked.host.stdout.ended, asked.host.stderr.ended]);
    const whole = asked.trail().split("\n").filter((line) => line.endsWith('"}'));
    const missing = records(asked) + 1 - whole.length;
    const { trailLost } = fromLog(asked);
    // The batch in flight may have been written, and is counted as lost nevertheless.
    const inFlight = Math.ceil(65_536 / (ROUTE_BYTES.stdout / 2));
    assert.ok(
      missing > 0 && trailLost >= missing && trailLost <= missing + inFlight,
      `${missing} records are missing, and ${trailLost} are reported as lost`,
    );
  },
);

fullTest(
  "a standard error that nobody reads slows no call; what memory does not hold is lost, counted, and has a gap",
  async () => {
    await using asked = await ask();
    const healthy = await healthyPace(asked);
    await assertAllAgree(asked);
    asked.host.stderr.read("never");
    await injectMany(asked, MORE_THAN_LOG_HOLDS);
    await assertPace(asked, healthy);
    const { log } = await fromMetrics(asked);
    assert.ok(log.lost > 0, JSON.stringify(log));
    asked.host.stderr.read("at once");
    const after = await assertAllAgree(asked);
    assert.equal(after.trail.lost, 0);
    await stop(asked);
    assertEnd(asked, after.trail);
  },
);

/** One collector at a time: it takes what comes from the start, and hangs on request. */
function startedCollectors() {
  let current: OtlpCollector | undefined;
  const end = async () => {
    const last = current;
    current = undefined;
    await last?.[Symbol.asyncDispose]();
  };
  const replace = async (namespace: Namespace, behaviour: "take" | "hang") => {
    await end();
    return current = await startCollector(namespace, behaviour);
  };
  const take = (namespace: Namespace) => replace(namespace, "take");
  return {
    env: otlpEnvironment(),
    before: async (namespace: Namespace): Promise<AsyncDisposable> => {
      await take(namespace);
      return { [Symbol.asyncDispose]: end };
    },
    take,
    hang: async (namespace: Namespace): Promise<void> => {
      const collector = await replace(namespace, "hang");
      await until(() => collector.requests > 0, { what: "an export that hangs" });
    },
  };
}

fullTest(
  "a collector that hangs slows no call and loses no line; one that takes again gets the same counts",
  async () => {
    const collectors = startedCollectors();
    await using asked = await ask(collectors);
    const { namespace } = asked.host;
    const healthy = await healthyPace(asked);
    await assertAllAgree(asked);
    await collectors.hang(namespace);
    await assertPace(asked, healthy);
    const { log, trail } = await assertAllAgree(asked);
    assert.deepEqual([log.lost, trail.lost], [0, 0]);
    const collector = await collectors.take(namespace);
    const exported = (name: string): Lines => {
      const of = (result: string) =>
        collector.points(`quilt.${name}.lines`)
          .find(({ attributes }) => attributes["quilt.result"] === result)?.value ??
          NaN;
      return { written: of("written"), lost: of("lost") };
    };
    // What comes first may be older than the counts.
    await until(async () => {
      const { log, trail } = await fromMetrics(asked);
      return areEqual([[trail, log], [exported("audit"), exported("log")]]);
    }, {
      what: () => `${JSON.stringify([exported("audit"), exported("log")])} to be right`,
      everyMs: 100,
    });
    await stop(asked);
    assertEnd(asked, trail);
  },
);

fullTest(
  "a full disk, a log that nobody reads and a collector that hangs, all at once, slow no call, and all counts agree afterwards",
  async () => {
    const collectors = startedCollectors();
    await using asked = await askOnDisk(16_384, "trail", collectors);
    const healthy = await healthyPace(asked);
    await assertAllAgree(asked);
    await asked.disk.fill();
    asked.host.stderr.read("never");
    await collectors.hang(asked.host.namespace);
    await injectMany(asked, MORE_THAN_LOG_HOLDS);
    await assertPace(asked, healthy);
    const { log, trail } = await fromMetrics(asked);
    assert.ok(trail.lost > 0 && log.lost > 0, JSON.stringify({ log, trail }));
    await asked.disk.free();
    asked.host.stderr.read("at once");
    await injectMany(asked, 10);
    const after = await assertAllAgree(asked);
    await stop(asked);
    assertEnd(asked, after.trail);
  },
);

fullTest(
  "both readers gone and a collector that hangs, all at once, slow no call and no stop, and status and metrics agree",
  async () => {
    const collectors = startedCollectors();
    await using asked = await ask(collectors);
    const { host } = asked;
    const healthy = await healthyPace(asked);
    const before = await assertAllAgree(asked);
    await collectors.hang(host.namespace);
    await Promise.all([host.stdout.leave(), host.stderr.leave()]);
    await assertPace(asked, healthy);
    const { head, log, trail } = await settled(asked);
    assert.deepEqual(trail, { written: before.trail.written, lost: 2 * CALLS });
    assert.equal(log.written, fromLog(asked).lines.written);
    assert.ok(isLossOf(3 * CALLS, log.lost), `${log.lost} lines of ${CALLS} calls`);
    assert.equal(head, fromTrail(asked).head);
    assert.equal(await host.stop(), 0);
  },
);
