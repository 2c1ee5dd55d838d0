import assert from "node:assert/strict";
import { AcceptLimiter, TokenBucket } from "../../../src/transport/rate_limit.ts";
import { until } from "../../support/wait.ts";

Deno.test("TokenBucket starts full, fills at its rate, and holds no more than its capacity", () => {
  let now = 0;
  const bucket = new TokenBucket(0.5, 4, () => now);
  assert.deepEqual([bucket.take(4), bucket.take(1)], [true, false]);
  now += 2;
  assert.deepEqual([bucket.take(1), bucket.take(1)], [true, false]);
  now += 1_000;
  assert.deepEqual([bucket.take(5), bucket.take(4), bucket.take(1)], [
    false,
    true,
    false,
  ]);
});

Deno.test("TokenBucket leaves its reserve to those that ask for none", () => {
  const bucket = new TokenBucket(1, 4, () => 0);
  assert.deepEqual([bucket.take(1, 3), bucket.take(1, 3), bucket.take(3)], [
    true,
    false,
    true,
  ]);
});

/** A limiter by a clock that a test sets, and the connections that it has accepted. */
function open() {
  let now = 0;
  const accepted: number[] = [];
  const limiter = new AcceptLimiter(() => now);
  const enqueue = (id: number, cost = 1) =>
    limiter.enqueue(cost, () => void accepted.push(id));
  return { accepted, enqueue, limiter, wait: (ms: number) => void (now += ms) };
}

/** Waits until the limiter has polled, which it does every 8 ms of the real time. */
async function whenAccepted(accepted: readonly number[], count: number): Promise<void> {
  await until(() => accepted.length >= count, {
    everyMs: 3,
    what: `${count} connections; there are ${accepted.length}`,
  });
}

Deno.test("AcceptLimiter accepts a burst of 6 at once and then one each 8 ms, in their order", async () => {
  const { accepted, enqueue, limiter, wait } = open();
  for (let id = 0; id < 20; id += 1) enqueue(id);
  assert.deepEqual(accepted, [0, 1, 2, 3, 4, 5]);
  wait(16);
  await whenAccepted(accepted, 8);
  assert.deepEqual(accepted, [0, 1, 2, 3, 4, 5, 6, 7]);
  limiter.disable();
});

Deno.test("AcceptLimiter accepts fewer connections of a higher cost", async () => {
  const { accepted, enqueue, limiter, wait } = open();
  for (let id = 0; id < 6; id += 1) enqueue(id, 5);
  assert.deepEqual(accepted, [0]);
  wait(32);
  await whenAccepted(accepted, 2);
  assert.deepEqual(accepted, [0, 1]);
  limiter.disable();
});

Deno.test("AcceptLimiter gives the turn of a connection that has left to the next one", async () => {
  const { accepted, enqueue, limiter, wait } = open();
  for (let id = 0; id < 6; id += 1) enqueue(id);
  const leave = enqueue(6);
  enqueue(7);
  leave();
  wait(8);
  await whenAccepted(accepted, 7);
  assert.equal(accepted.at(-1), 7);
  limiter.disable();
});

Deno.test("AcceptLimiter is full with 512 connections, and accepts them all when it is disabled", () => {
  const { accepted, enqueue, limiter } = open();
  for (let id = 0; id < 6 + 511; id += 1) enqueue(id);
  assert.equal(limiter.isFull, false);
  enqueue(517);
  assert.equal(limiter.isFull, true);
  limiter.disable();
  assert.equal(accepted.length, 518);
  enqueue(518);
  assert.equal(accepted.length, 519);
});
