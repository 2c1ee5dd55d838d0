/**
 * @alone
 */
import assert from "node:assert/strict";
import { setTimeout as rest } from "node:timers/promises";
import { type Host, openHost } from "../e2e/host.ts";
import { connectClient, type QuiltClient } from "../support/client.ts";
import { serveCommand } from "../support/serve_task.ts";
import { syncOnce } from "./agent_sync.ts";
import { gather } from "./crowd.ts";
import { fullTest } from "../support/suite.ts";

const PEERS = 100;
const SYNCS = 3;
const TIMES_QUIET = 5;
/** Whatever else runs on the machine is measured as well: one try in three must do. */
const TRIES = 3;

/** Milliseconds that a sync takes in all. */
async function sync(host: Host, client: QuiltClient): Promise<number> {
  return (await syncOnce(host, client, PEERS)).reduce((sum, ms) => sum + ms, 0);
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
  `an agent that connects during a flood of 60 connections with 32 calls each is served within ${TIMES_QUIET} times the quiet time, and health answers a new connection`,
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
      const words = serveCommand([]).map((word) => word === "serve" ? "health" : word);
      const health = await host.namespace.run(words);
      assert.equal(health.code, 0, health.stderr);
      return { quiet, flooded };
    });
  },
);

fullTest(
  `20 connections that call after a long idle time, 32 calls each, slow the agent by at most ${TIMES_QUIET} times the quiet time`,
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
