import assert from "node:assert/strict";
import { TokenBucket } from "../../../src/transport/token_bucket.ts";

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
