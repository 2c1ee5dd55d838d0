import assert from "node:assert/strict";
import { WatchBudget } from "../../../src/api/watch_budget.ts";

Deno.test("WatchBudget lets each watch carry its own limit, as long as few are open", () => {
  const budget = new WatchBudget(10, 30);
  const watches = Array.from({ length: 3 }, () => budget.open());
  for (const watch of watches) {
    assert.deepEqual([watch.exceeds(9), watch.exceeds(1), watch.exceeds(1)], [
      undefined,
      undefined,
      10,
    ]);
  }
});

Deno.test("WatchBudget shares a number among many watches, until some of them are closed", () => {
  const budget = new WatchBudget(10, 30);
  const watches = Array.from({ length: 6 }, () => budget.open());
  const [first, second, ...others] = watches;
  assert.equal(first?.exceeds(6), 5);
  for (const watch of [first, ...others]) watch?.close();
  assert.equal(second?.exceeds(10), undefined);
});
