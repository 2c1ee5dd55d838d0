/**
 * @alone
 * @needs go
 */
import assert from "node:assert/strict";
import { setTimeout as rest } from "node:timers/promises";
import { done, type Host, openHost } from "../e2e/host.ts";
import { peakKiB } from "../e2e/processes.ts";
import { print } from "../support/isolation.ts";
import { type JsonObject, numberAt, parseJsonObject } from "../../deploy/json.ts";
import { collectLines } from "../support/lines.ts";
import type { Namespace } from "../support/namespace.ts";
import { repository } from "../support/serve_task.ts";
import { SidecarCheck } from "./sidecar_check.ts";
import { msWithoutCpuWait } from "./agent_sync.ts";
import { slowness } from "../support/slowness.ts";
import { fullTest } from "../support/suite.ts";

const CONNECTIONS = 300;
const ROUTES = 200;
/** The attack took 16 s. */
const LASTS_MS = 20_000;
/** MemoryMax of deploy/systemd/quilt-sidecar.service. */
const MOST_MIB = 448;
const PATIENCE_MS = 1_000;
/** An agent is idle for seconds; a client that calls without a pause is one of many. */
const SILENCE_MS = 1_200;

const KINDS = [
  "without a window",
  "without a window, of other calls",
  "that leave their sockets unread",
  "byte by byte",
] as const;

/** What many answers must be more than: what the kernel holds of a connection. */
const SMALL_BUFFERS = "for each in rmem wmem; " +
  "do echo 4096 16384 16384 >/proc/sys/net/ipv4/tcp_$each; done";

/** The readers, until disposed. */
interface Readers extends AsyncDisposable {
  /** The stderr of the readers. */
  readonly complaints: readonly string[];
  report(): JsonObject;
}

function startReaders(namespace: Namespace, kind: string): Readers {
  const program = `${repository}/tests/chaos/slow_readers_main.ts`;
  const run = [Deno.execPath(), "run", "--frozen", "--cached-only", "-A", program];
  const child = namespace.command([...run, kind, `${CONNECTIONS}`], {
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const out = collectLines(child.stdout);
  const complaints = collectLines(child.stderr);
  return {
    complaints: complaints.lines,
    report: () => parseJsonObject(out.lines.at(-1) ?? "{}"),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await Promise.all([child.status, out.ended, complaints.ended]);
    },
  };
}

/** What the calls of an agent measured. */
interface Measured {
  /** In milliseconds of a quiet machine. */
  readonly longestMs: number;
  /** What became of calls that were not answered. */
  readonly failures: readonly string[];
}

/** Calls as an agent does until the time is over. */
async function callMeanwhile(host: Host, check: SidecarCheck): Promise<Measured> {
  const end = performance.now() + LASTS_MS;
  const failures: string[] = [];
  let longestMs = 0;
  while (performance.now() < end && !check.ended) {
    const tookMs = await msWithoutCpuWait(host, async () => {
      try {
        const answer = await host.client.injectRoute("10.42.2.0/24", "vxlan100");
        if (!answer.success) failures.push(answer.error);
      } catch (error) {
        failures.push(String(error));
      }
    });
    // Client and ip wait for a processor as well.
    longestMs = Math.max(longestMs, tookMs / await slowness());
    await rest(SILENCE_MS);
  }
  return { longestMs, failures };
}

for (const kind of KINDS) {
  fullTest(
    `the sidecar survives ${CONNECTIONS} readers ${kind}, stays within ${MOST_MIB} MiB, and answers an agent's call within a second`,
    async () => {
      await using host = await openHost();
      const { client, namespace, sidecar } = host;
      assert.equal((await namespace.run(["sh", "-ec", SMALL_BUFFERS])).code, 0);
      for (let at = 0; at < ROUTES; at += 1) {
        assert.deepEqual(
          await client.injectRoute(`10.42.${at + 2}.0/24`, "vxlan100"),
          done,
        );
      }
      await rest(SILENCE_MS);
      const check = new SidecarCheck(host);
      await using readers = startReaders(namespace, kind);
      const { failures, longestMs } = await callMeanwhile(host, check);
      const peak = check.ended ? NaN : peakKiB(sidecar.pid) / 1024;
      const report = readers.report();
      await print(
        `readers ${kind}: ${JSON.stringify(report)}; longest call ` +
          `${longestMs.toFixed(0)} ms, peak ${peak.toFixed(0)} MiB`,
      );
      await check.verify(`${CONNECTIONS} readers ${kind}`);
      assert.deepEqual(readers.complaints, []);
      assert.ok(
        numberAt(report, "greeted") >= CONNECTIONS * 0.9,
        JSON.stringify(report),
      );
      assert.ok(peak < MOST_MIB, `peak ${peak} MiB`);
      assert.deepEqual(failures, []);
      assert.ok(longestMs < PATIENCE_MS, `an agent's call took ${longestMs} ms`);
    },
  );
}
