import assert from "node:assert/strict";
import { setTimeout as rest } from "node:timers/promises";
import { done, type Host, openHost } from "../e2e/host.ts";
import { connectClient, type QuiltClient } from "../support/client.ts";
import { serveWords } from "../support/serve_task.ts";
import { gather } from "./crowd.ts";

const PEERS = 255;
const TIMES_QUIET = 5;
/** Whatever else runs on the machine is measured as well: one try in five must do. */
const TRIES = 5;

/** What the agent asks every 5 s; returns the p99 of how long a call took. */
async function sync(client: QuiltClient): Promise<number> {
  const took: number[] = [];
  for (let peer = 1; peer <= PEERS; peer += 1) {
    const request = { destination: `10.42.${peer}.0/24`, via_interface: "vxlan100" };
    const { answer, microseconds } = await client.call("InjectRoute", request);
    assert.deepEqual(answer, done);
    took.push(microseconds);
  }
  return took.toSorted((a, b) => a - b)[Math.floor(took.length * 0.99)] ?? 0;
}

/** The same on a connection of its own. */
async function syncAnew({ namespace }: Host): Promise<number> {
  await using client = await connectClient(namespace);
  return await sync(client);
}

/** What was seen in a flood, and before it. */
interface Comparison {
  readonly quiet: number;
  readonly flooded: number;
  /** What went wrong besides; empty if nothing did. */
  readonly fault?: string;
}

/** Tries until something in a flood takes no longer than a few times what it does else. */
async function compare(measure: () => Promise<Comparison>): Promise<void> {
  const seen: string[] = [];
  for (let tried = 0; tried < TRIES; tried += 1) {
    const { quiet, flooded, fault = "" } = await measure();
    seen.push(`${flooded / quiet} ${fault}`);
    if (flooded <= TIMES_QUIET * quiet && fault === "") return;
  }
  assert.fail(`p99 in a flood to the quiet one: ${seen.join("; ")}`);
}

Deno.test(`an agent that connects while 60 connections flood, 32 calls each, is served as fast as ${TIMES_QUIET} times the quiet p99, and health answers a new connection`, async () => {
  await using host = await openHost();
  await syncAnew(host);
  await compare(async () => {
    const quiet = await syncAnew(host);
    await using crowd = await gather(host.namespace, "calling", 60);
    await crowd.call();
    const flooded = await syncAnew(host);
    const words = serveWords([]).map((word) => word === "serve" ? "health" : word);
    const health = await host.namespace.run(words);
    return { quiet, flooded, fault: health.stderr };
  });
});

Deno.test(`20 connections that call after a long silence, 32 calls each, cost the agent no more than ${TIMES_QUIET} times its quiet p99`, async () => {
  await using host = await openHost();
  await sync(host.client);
  await compare(async () => {
    await using crowd = await gather(host.namespace, "calling", 20);
    // What they could save, they have then.
    await rest(10_000);
    const quiet = await sync(host.client);
    await crowd.call();
    return { quiet, flooded: await sync(host.client) };
  });
});
