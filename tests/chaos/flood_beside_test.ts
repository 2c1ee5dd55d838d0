/**
 * @alone
 */
import assert from "node:assert/strict";
import { setTimeout as rest } from "node:timers/promises";
import { done, type Host, openHost } from "../e2e/host.ts";
import { connectClient, type QuiltClient } from "../support/client.ts";
import { serveWords } from "../support/serve_task.ts";
import { gather } from "./crowd.ts";
import { fullTest } from "../support/suite.ts";

const PEERS = 100;
const SYNCS = 3;
const TIMES_QUIET = 5;
/** Whatever else runs on the machine is measured as well: one try in three must do. */
const TRIES = 3;

/** Milliseconds that a process was ready to run and did not: proc(5), schedstat. */
function waitedMs(pid: number): number {
  const [, waited] = Deno.readTextFileSync(`/proc/${pid}/schedstat`).split(" ");
  return Number(waited) / 1e6;
}

/**
 * Asks for the route to each peer; returns how many milliseconds the calls took, but for
 * those in which the sidecar waited for a processor: who has more to do waits longer.
 */
async function sync({ sidecar }: Host, client: QuiltClient): Promise<number> {
  const before = waitedMs(sidecar.pid);
  let took = 0;
  for (let peer = 1; peer <= PEERS; peer += 1) {
    const request = { destination: `10.42.${peer}.0/24`, via_interface: "vxlan100" };
    const { answer, microseconds } = await client.call("InjectRoute", request);
    assert.deepEqual(answer, done);
    took += microseconds / 1_000;
  }
  return took - (waitedMs(sidecar.pid) - before);
}

async function several(once: () => Promise<number>): Promise<number> {
  let sum = 0;
  for (let each = 0; each < SYNCS; each += 1) sum += await once();
  return sum;
}

/** Tries until something in a flood takes no longer than a few times what it does else. */
async function compare(
  measure: () => Promise<{ readonly quiet: number; readonly flooded: number }>,
): Promise<void> {
  const ratios: number[] = [];
  for (let tried = 0; tried < TRIES; tried += 1) {
    const { quiet, flooded } = await measure();
    ratios.push(flooded / quiet);
    if (flooded <= TIMES_QUIET * quiet) return;
  }
  assert.fail(`what it takes in a flood to what it takes else: ${ratios.join(" ")}`);
}

fullTest(
  `an agent that connects while 60 connections flood, 32 calls each, is served within ${TIMES_QUIET} times what it takes else, and health answers a new connection`,
  async () => {
    await using host = await openHost();
    const syncAnew = async (): Promise<number> => {
      await using client = await connectClient(host.namespace);
      return await sync(host, client);
    };
    await syncAnew();
    await compare(async () => {
      const quiet = await several(syncAnew);
      await using crowd = await gather(host.namespace, "calling", 60);
      await crowd.call();
      const flooded = await several(syncAnew);
      const words = serveWords([]).map((word) => word === "serve" ? "health" : word);
      const health = await host.namespace.run(words);
      assert.equal(health.code, 0, health.stderr);
      return { quiet, flooded };
    });
  },
);

fullTest(
  `20 connections that call after a long silence, 32 calls each, cost the agent no more than ${TIMES_QUIET} times what it takes else`,
  async () => {
    await using host = await openHost();
    const syncAgain = () => sync(host, host.client);
    await syncAgain();
    await compare(async () => {
      await using crowd = await gather(host.namespace, "calling", 20);
      // What they could save, they have then.
      await rest(10_000);
      const quiet = await several(syncAgain);
      await crowd.call();
      return { quiet, flooded: await several(syncAgain) };
    });
  },
);
