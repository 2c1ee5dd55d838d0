/**
 * Floods that are cheap to send, beside the agent: the same bytes go once to a sink, which
 * throws them away and burns the same processors, and once to the sidecar.
 *
 * `QUILT_FLOODS=all deno task test:all tests/chaos/frame_flood_test.ts` prints the table of
 * docs/performance.md; names in place of `all` choose some, and without the variable
 * it is one of each sort.
 *
 * @alone
 */
import assert from "node:assert/strict";
import { setTimeout as rest } from "node:timers/promises";
import { type Host, openHost } from "../e2e/host.ts";
import type { Namespace } from "../support/namespace.ts";
import { parseJsonObject } from "../../deploy/json.ts";
import { print } from "../support/isolation.ts";
import { p99, SYNC_MS, syncOnce } from "./agent_sync.ts";
import { fullTest } from "../support/suite.ts";

const PEERS = 254;
const TIMES_SINK = 5;
/** Of the unit's MemoryMax, in MB. */
const MOST_MB = 448;
/** Two syncs of the agent. */
const SECONDS = 10;
const SERVER_PORT = 50_051;
const SINK_PORT = 50_052;
/** Whatever else runs on the machine is measured as well: one try in three must do. */
const TRIES = 3;

/** Each flood, and from how many connections at a time. */
const FLOODS: readonly (readonly [string, number])[] = [
  ["ping", 1],
  ["ping", 32],
  ["settings", 1],
  ["settings", 32],
  ["settings-ack", 8],
  ["window-update", 1],
  ["window-update", 32],
  ["priority", 8],
  ["unknown-frames", 8],
  ["empty-data", 8],
  ["hpack", 1],
  ["hpack", 8],
  ["hpack-small", 1],
  ["rapid-reset", 8],
  ["unknown-calls", 8],
  ["sync-dry-run", 4],
  ["list", 8],
  ["reflection", 1],
  ["reflection", 8],
  ["continuation", 8],
  ["continuation-without-end", 8],
  ["connections", 8],
];

const script = (name: string): string => new URL(name, import.meta.url).pathname;

/** The agent's syncs, one each 5 s; the milliseconds of each call. */
async function syncs(host: Host, untilMs: number): Promise<readonly number[]> {
  const took: number[] = [];
  do {
    const next = rest(SYNC_MS);
    took.push(...await syncOnce(host, host.client, PEERS));
    await next;
  } while (performance.now() < untilMs);
  return took;
}

function rssMb(pid: number): number {
  const [, kb] =
    /VmRSS:\s+(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ??
      [];
  return Number(kb) / 1_024;
}

/** Takes what comes, and throws it away. */
function startSink(namespace: Namespace): Deno.ChildProcess {
  const deno = [Deno.execPath(), "run", "--allow-net", script("sink_main.ts")];
  return namespace.command([...deno, `${SINK_PORT}`], {
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** The agent's p99 in milliseconds while a port is flooded, and what the flood was. */
async function flooded(
  host: Host,
  port: number,
  kind: string,
  connections: number,
): Promise<{ readonly p99Ms: number; readonly sentMb: number; readonly made: number }> {
  const words = [kind, `${port}`, `${SECONDS}`, `${connections}`];
  const deno = [Deno.execPath(), "run", "--allow-net"];
  const flood = host.namespace.run([...deno, script("frame_flood_main.ts"), ...words]);
  const took = await syncs(host, performance.now() + SECONDS * 1_000 - SYNC_MS);
  const { stdout } = await flood;
  const { made, sent } = parseJsonObject(stdout.trim());
  return {
    p99Ms: p99(took),
    sentMb: Number(sent) / 2 ** 20,
    made: Number(made),
  };
}

/** One of each sort: control frames, headers, calls that are dear, connections. */
const USUAL = "settings hpack sync-dry-run list reflection connections";
const WANTED = (Deno.env.get("QUILT_FLOODS") ?? USUAL).split(" ");
const IS_TABLE = WANTED.includes("all");
/** Memory is looked at again then, in milliseconds. */
const LATER_MS = IS_TABLE ? 30_000 : 1_000;

/** Of a kind the one from most connections, but for the table. */
function isWanted([kind, connections]: readonly [string, number]): boolean {
  const most = Math.max(
    ...FLOODS.filter(([other]) => other === kind).map(([, count]) => count),
  );
  return IS_TABLE || WANTED.includes(kind) && connections === most;
}

for (const [kind, connections] of FLOODS.filter(isWanted)) {
  const from = `${connections} ${connections === 1 ? "connection" : "connections"}`;
  fullTest(
    `a flood of ${kind} from ${from} keeps the agent's p99 within ${TIMES_SINK} times that with a sink, and memory below ${MOST_MB} MB`,
    async () => {
      const ratios: number[] = [];
      for (let tried = 0; tried < TRIES; tried += 1) {
        await using host = await openHost();
        const { pid } = host.sidecar;
        const sink = startSink(host.namespace);
        await syncs(host, 0);
        const beside = await flooded(host, SINK_PORT, kind, connections);
        sink.kill("SIGKILL");
        await sink.status;
        let peak = 0;
        const watch = setInterval(() => peak = Math.max(peak, rssMb(pid)), 50);
        const attacked = await flooded(host, SERVER_PORT, kind, connections);
        clearInterval(watch);
        await rest(LATER_MS);
        const ratio = attacked.p99Ms / beside.p99Ms;
        ratios.push(ratio);
        await print(
          `  ${kind.padEnd(26)} ${`${connections}`.padStart(3)}  ` +
            `p99 ${attacked.p99Ms.toFixed(1)} ms, sink ${
              beside.p99Ms.toFixed(1)
            } ms, ` +
            `${ratio.toFixed(2)} ×  RSS peak ${peak.toFixed(0)} MB, ` +
            `after ${rssMb(pid).toFixed(0)} MB  (${attacked.sentMb.toFixed(0)} MB in ` +
            `${attacked.made} connections; sink ${beside.sentMb.toFixed(0)} MB)`,
        );
        assert.ok(peak <= MOST_MB, `${peak} MB`);
        if (ratio <= TIMES_SINK) return;
      }
      assert.fail(`p99 beside that of a sink: ${ratios.join(" ")}`);
    },
  );
}
