/**
 * @alone
 */
import assert from "node:assert/strict";
import { setTimeout as rest } from "node:timers/promises";
import { type Host, openHost } from "../e2e/host.ts";
import { p99, SYNC_MS, syncOnce } from "./agent_sync.ts";
import { fullTest } from "../support/suite.ts";

const CONNECTIONS = 200;
const PEERS = 255;
const TIMES_QUIET = 5;
/** Requests of a flood during two syncs; some 10,000 are let through, measured. */
const LEAST = 10 * CONNECTIONS;
/** Whatever else runs on the machine is measured as well: one try in three must do. */
const TRIES = 3;

/** The agent's syncs, one each 5 s; the milliseconds of each call. */
async function syncs(host: Host, count: number): Promise<readonly number[]> {
  const took: number[] = [];
  for (let round = 0; round < count; round += 1) {
    const next = rest(SYNC_MS);
    took.push(...await syncOnce(host, host.client, PEERS));
    await next;
  }
  return took;
}

/** A flood that is under way; ended when disposed. */
interface Flood extends AsyncDisposable {
  /** Requests that were answered until now. */
  answered(): Promise<number>;
}

/** h2load with an InjectRoute of its own, as fast as it is let. */
async function startFlood({ namespace }: Host): Promise<Flood> {
  const version = await namespace.run(["h2load", "--version"]);
  assert.equal(version.code, 0, "h2load is missing: apt-get install nghttp2-client");
  const text = (value: string) => [value.length, ...new TextEncoder().encode(value)];
  const message = [0x0a, ...text("10.42.2.0/24"), 0x12, ...text("vxlan100")];
  const folder = await Deno.makeTempDir();
  const [body, log] = [`${folder}/body`, `${folder}/log`];
  await Deno.writeFile(body, new Uint8Array([0, 0, 0, 0, message.length, ...message]));
  const child = namespace.command([
    ...["h2load", "-c", `${CONNECTIONS}`, "-m", "10", "-D", "120", "-d", body],
    ...["-H", "content-type: application/grpc", "-H", "te: trailers"],
    // A line for each request; its summary h2load keeps for the end of the 120 s.
    ...["--log-file", log, "http://127.0.0.1:50051/quilt.QuiltRuntime/InjectRoute"],
  ], { stdout: "null", stderr: "null" }).spawn();
  return {
    answered: async () => (await Deno.readTextFile(log)).match(/\t200\t/g)?.length ?? 0,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

fullTest(
  `a flood from ${CONNECTIONS} connections fails no call of the agent's sync, and its p99 stays within ${TIMES_QUIET} times the quiet one`,
  async () => {
    await using host = await openHost();
    await syncs(host, 1);
    const ratios: number[] = [];
    for (let tried = 0; tried < TRIES; tried += 1) {
      const quiet = p99(await syncs(host, 2));
      await using flood = await startFlood(host);
      const flooded = p99(await syncs(host, 2));
      const answered = await flood.answered();
      assert.ok(answered >= LEAST, `${answered} requests are no flood`);
      ratios.push(flooded / quiet);
      if (flooded <= TIMES_QUIET * quiet) return;
    }
    assert.fail(`p99 in a flood to the quiet one: ${ratios.join(" ")}`);
  },
);
