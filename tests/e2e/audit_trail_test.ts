/** The audit trail of a real sidecar, read by the rules of docs/audit.md. */
import assert from "node:assert/strict";
import { objectAt, parseJsonObject, stringAt } from "../../deploy/json.ts";
import { SIDECAR_VERSION } from "../../src/shared/versions.ts";
import {
  lostOf,
  type ReadTrail,
  readTrail,
  writtenOf,
} from "../support/audit_chain.ts";
import type { QuiltClient } from "../support/client.ts";
import { BUSYBOX, makeIp } from "../support/foreign_ip.ts";
import { type Namespace, runToEnd } from "../support/namespace.ts";
import { startQuilt } from "../support/quilt.ts";
import {
  clientCommand,
  serveCommand,
  serveCommandInPath,
} from "../support/serve_task.ts";
import type { Sidecar } from "../support/sidecar.ts";
import { openSmallDisk } from "../support/small_disk.ts";
import { fullTest } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import { done, type Host, makeQuietNamespace, openHost } from "./host.ts";
import { hangInFlight } from "./processes.ts";

/** What the sidecar itself says of its trail and of its log. */
interface Counts {
  readonly head: string;
  readonly written: number;
  readonly lost: number;
  readonly logLost: number;
}

async function readCounts({ namespace }: Host): Promise<Counts> {
  const { stdout } = await namespace.run(clientCommand("status", ["--json"]));
  const status = parseJsonObject(stdout);
  const { head, lost, written } = objectAt(status, "audit");
  return {
    head: String(head),
    written: Number(written),
    lost: Number(lost),
    logLost: Number(objectAt(status, "log")["lost"]),
  };
}

/** Waits until so many records are written or lost. */
function untilSettled(host: Host, records: number): Promise<Counts> {
  return until(async () => {
    const counts = await readCounts(host);
    return counts.written + counts.lost === records && counts;
  }, { what: `${records} records to be written or lost`, everyMs: 100 });
}

/** How many records the log says are lost, all lines together. */
function lostInLog({ log }: Sidecar): number {
  return log.reduce(
    (sum, line) =>
      sum + Number(/WARN: Lost (\d+) records? of the/.exec(line)?.[1] ?? 0),
    0,
  );
}

/** Adds routes one after the other: each is answered, whatever the trail's output does. */
async function inject(client: QuiltClient, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += 1) {
    assert.deepEqual(await client.injectRoute(`10.42.${at}.0/24`, "vxlan100"), done);
  }
}

/** Puts the trail into a file of a disk with so much room. */
async function openDisk(kibibytes: number) {
  const disk = await openSmallDisk(kibibytes);
  const file = `${disk.folder}/audit.jsonl`;
  return Object.assign(disk, {
    launcher: ["sh", "-c", `exec "$@" >>"${file}"`, "sh"],
    read: () => Deno.readTextFile(file),
  });
}

/** A pipe that holds the trail, and has a reader who reads nothing until `read`. */
async function openPipe() {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/audit`;
  assert.equal((await runToEnd(["mkfifo", path])).code, 0);
  // For both, because opening it for reading alone waits for the sidecar.
  const pipe = await Deno.open(path, { read: true, write: true });
  let isOpen = true;
  const close = (): void => {
    if (isOpen) pipe.close();
    isOpen = false;
  };
  return {
    launcher: ["sh", "-c", `exec "$@" >"${path}"`, "sh"],
    /** Now nobody can read it any more. */
    close,
    /** Reads little at a time, to the end of the sidecar. */
    async read(): Promise<string> {
      using reader = await Deno.open(path);
      close();
      const decoder = new TextDecoder();
      const piece = new Uint8Array(2_000);
      const texts: string[] = [];
      for (;;) {
        const count = await reader.read(piece);
        if (count === null) return texts.join("");
        texts.push(decoder.decode(piece.subarray(0, count), { stream: true }));
      }
    },
    async [Symbol.asyncDispose](): Promise<void> {
      close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** The end record, without what the chain adds. */
function endOf({ records }: ReadTrail) {
  const { prev: _, time: __, ...end } = records.at(-1) ?? {};
  return end;
}

Deno.test("the audit trail of a process is a chain from a start record with version, options and grants to an end record; status has its head", async () => {
  const options = ["--log-level", "debug"];
  await using host = await openHost({ options });
  const { client, sidecar } = host;
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  await inject(client, 2, 5);
  await until(() => sidecar.audit.at(-1)?.includes("10.42.4.0/24"), {
    what: "the last record",
  });
  const soFar = readTrail(sidecar.audit.join("\n"));
  assert.deepEqual(await readCounts(host), {
    head: soFar.head,
    written: soFar.records.length,
    lost: 0,
    logLost: 0,
  });
  assert.equal((await sidecar.stop()).code, 0);
  const trail = readTrail(sidecar.audit.join("\n"));
  const { prev, time, ...start } = trail.records[0] ?? {};
  assert.equal(prev, "0".repeat(64));
  assert.equal(new Date(String(time)).toISOString(), time);
  assert.deepEqual(start, {
    sequence: 0,
    event: "start",
    schema: 2,
    version: SIDECAR_VERSION,
    options: ["--log-level=debug"],
    grants: ["net=127.0.0.1:50051", "run=ip"],
  });
  const mutations = trail.records.slice(1, -1);
  assert.deepEqual(
    mutations.map(({ sequence }) => sequence),
    mutations.map((_, at) => at + 1),
  );
  assert.deepEqual(endOf(trail), {
    sequence: mutations.length + 1,
    event: "end",
    reason: "SIGTERM",
    mutations: mutations.length,
    lost: 0,
  });
});

Deno.test("a dry run has a start and an end record, and a sidecar that cannot listen has neither", async () => {
  await using host = await openHost({
    command: serveCommand([], undefined, "serve:dry-run"),
  });
  const { namespace, sidecar } = host;
  const second = await namespace.run(serveCommand([]));
  assert.deepEqual([second.code, second.stdout], [1, ""]);
  assert.equal((await sidecar.stop()).code, 0);
  const trail = readTrail(sidecar.audit.join("\n"));
  assert.deepEqual(trail.records.map(({ event }) => event), ["start", "end"]);
  assert.deepEqual(trail.records[0]?.["grants"], ["net=127.0.0.1:50051"]);
});

Deno.test("the end record of a sidecar that listens and cannot go on has the reason failed; after a second stop signal there is none", async () => {
  await using namespace = await makeQuietNamespace();
  using program = makeIp(BUSYBOX);
  const failed = await namespace.run(serveCommandInPath([], program.directory));
  assert.equal(failed.code, 1, failed.stderr);
  assert.deepEqual(endOf(readTrail(failed.stdout)), {
    sequence: 1,
    event: "end",
    reason: "failed",
    mutations: 0,
    lost: 0,
  });
  await using host = await openHost();
  const { client, sidecar } = host;
  const call = await hangInFlight(
    sidecar,
    () => [client.injectRoute("10.42.2.0/24", "vxlan100").catch(() => {})],
  );
  sidecar.kill("SIGTERM");
  await sidecar.logged(/INFO: Stopping on SIGTERM/);
  sidecar.kill("SIGINT");
  assert.equal((await sidecar.status).code, 130);
  await Promise.all(call);
  const events = readTrail(sidecar.audit.join("\n")).records.map(({ event }) => event);
  assert.deepEqual([events[0], events.includes("end")], ["start", false]);
});

Deno.test("a disk that is full and free again costs records and no call: trail, status and log have the same count", async () => {
  await using disk = await openDisk(64);
  await using host = await openHost({ launcher: disk.launcher });
  const { client, sidecar } = host;
  await inject(client, 2, 4);
  await disk.fill();
  await inject(client, 4, 60);
  await until(async () => (await readCounts(host)).lost > 0, { what: "a loss" });
  await sidecar.logged(
    /WARN: Lost \d+ records? of the audit trail: No space left on device .*; see docs\/audit\.md$/,
  );
  await disk.free();
  await inject(client, 60, 70);
  await until(async () => (await disk.read()).includes("10.42.69.0/24"), {
    what: "the records after the gap",
  });
  const counts = await readCounts(host);
  const soFar = readTrail(await disk.read());
  assert.deepEqual(counts, {
    head: soFar.head,
    written: writtenOf(soFar).length,
    lost: lostOf(soFar),
    logLost: 0,
  });
  assert.ok(counts.lost > 0);
  // The start record, and two records for each route: the request for it, and the route.
  assert.equal(counts.written + counts.lost, 1 + 2 * 68);
  const { stdout } = await host.namespace.run(clientCommand("status"));
  assert.match(
    stdout,
    new RegExp(`^Audit trail   ${counts.lost} of 137 records lost;`, "m"),
  );
  assert.equal((await sidecar.stop()).code, 0);
  assert.equal(lostInLog(sidecar), counts.lost);
  const trail = readTrail(await disk.read());
  // The numbers of the lost records are missing, and no others.
  const numbers = new Set(writtenOf(trail).map(({ sequence }) => sequence));
  const missing = Array.from({ length: 138 }, (_, at) => at)
    .filter((number) => !numbers.has(number));
  assert.equal(missing.length, counts.lost);
  assert.deepEqual(endOf(trail), {
    sequence: 137,
    event: "end",
    reason: "SIGTERM",
    mutations: 136,
    lost: counts.lost,
  });
});

Deno.test("a pipe that nobody reads slows no call, and a slow reader afterwards gets every record", async () => {
  await using pipe = await openPipe();
  await using host = await openHost({ launcher: pipe.launcher });
  const { client, sidecar } = host;
  await inject(client, 2, 252);
  // More than a pipe holds: 64 KiB.
  const counts = await readCounts(host);
  assert.ok(counts.written < 501 && counts.lost === 0, JSON.stringify(counts));
  const reading = pipe.read();
  // At its end it waits for a second only.
  await untilSettled(host, 501);
  assert.equal((await sidecar.stop()).code, 0);
  const trail = readTrail(await reading);
  assert.deepEqual([trail.records.length, lostOf(trail)], [502, 0]);
});

Deno.test("a trail whose reader has gone costs no call, and the log and status have the same count", async () => {
  await using pipe = await openPipe();
  await using host = await openHost({ launcher: pipe.launcher });
  const { client, sidecar } = host;
  pipe.close();
  await inject(client, 2, 6);
  const counts = await untilSettled(host, 9);
  assert.ok(counts.lost >= 8, JSON.stringify(counts));
  assert.equal((await sidecar.stop()).code, 0);
  // The end record is lost as well.
  assert.equal(lostInLog(sidecar), counts.lost + 1);
  assert.ok(sidecar.log.some((line) => /trail: Broken pipe/.test(line)));
});

/** SyncRoutes with so many routes of 10.0.0.0/8. */
async function syncMany(namespace: Namespace, count: number): Promise<void> {
  await using quilt = startQuilt(namespace);
  const routes = Array.from({ length: count }, (_, at) => ({
    destination: `10.${42 + (at >> 8)}.${at & 255}.0/24`,
    device: "vxlan100",
  }));
  const answer = await quilt.call("sync", { routes, dryRun: false });
  assert.ok(typeof answer !== "string" && answer["added"] === count);
}

fullTest(
  "a trail of which more is unread than memory is for has a gap in the place of what was lost",
  async () => {
    await using pipe = await openPipe();
    await using host = await openHost({
      launcher: pipe.launcher,
      options: ["--cluster-cidr", "10.0.0.0/8"],
    });
    const { namespace, sidecar } = host;
    await syncMany(namespace, 12_000);
    await until(async () => (await readCounts(host)).lost > 0, { what: "a loss" });
    const reading = pipe.read();
    const { lost } = await untilSettled(host, 24_001);
    assert.equal((await sidecar.stop()).code, 0);
    const trail = readTrail(await reading);
    assert.deepEqual([lostOf(trail), lostInLog(sidecar)], [lost, lost]);
    assert.equal(writtenOf(trail).length + lost, 2 + 24_000);
    assert.deepEqual(endOf(trail), {
      sequence: 24_001,
      event: "end",
      reason: "SIGTERM",
      mutations: 24_000,
      lost,
    });
    const first = trail.records.find(({ dropped }) => dropped !== undefined);
    assert.match(stringAt(first ?? {}, "prev"), /^[0-9a-f]{64}$/);
  },
);
