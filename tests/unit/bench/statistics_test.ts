import assert from "node:assert/strict";
import { median, percentile } from "../../bench/statistics.ts";

Deno.test("a percentile is the smallest value that so large a part does not exceed", () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  assert.equal(percentile(values, 0.99), 198);
  assert.equal(percentile(values, 0.5), 100);
  assert.equal(percentile(values, 1), 200);
  assert.equal(percentile([7], 0.01), 7);
});

Deno.test("a median is the middle value, or the mean of the two in the middle", () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([10, 9, 1, 2]), 5.5);
  assert.equal(median([100]), 100);
});

Deno.test("no values have neither", () => {
  assert.throws(() => percentile([], 0.5), RangeError);
  assert.throws(() => median([]), RangeError);
});
