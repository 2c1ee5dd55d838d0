import assert from "node:assert/strict";
import fc from "fast-check";
import { TakenSlots } from "../../../src/ipam/bitmap.ts";

/** The same, looked for one by one. */
function nextFree(taken: ReadonlySet<number>, from: number): number {
  let slot = from;
  while (taken.has(slot)) slot += 1;
  return slot;
}

/** Around the edges of words of 32, of 1024, and at the far end. */
const slot = fc.oneof(
  fc.nat({ max: 70 }),
  fc.integer({ min: 1000, max: 1060 }),
  fc.integer({ min: 2 ** 31 - 40, max: 2 ** 31 - 1 }),
);

const step = fc.record({
  what: fc.constantFrom("take", "take", "take", "free"),
  slot,
  run: fc.constantFrom(1, 1, 31, 32, 33, 1024),
});

Deno.test("the next free slot is the one that looking at each would find", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), fc.array(slot), (steps, from) => {
      const slots = new TakenSlots();
      const taken = new Set<number>();
      for (const { run, slot: first, what } of steps) {
        for (let at = first; at < Math.min(first + run, 2 ** 31); at += 1) {
          if (what === "take") {
            slots.take(at);
            taken.add(at);
          } else {
            slots.free(at);
            taken.delete(at);
          }
        }
        assert.equal(slots.count, taken.size);
        for (const at of [first, ...from]) {
          assert.equal(slots.has(at), taken.has(at));
          assert.equal(slots.nextFree(at), nextFree(taken, at));
        }
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("a million slots are taken one after another, and given back, without a walk", () => {
  const slots = new TakenSlots();
  const started = performance.now();
  const count = 1_000_000;
  for (let taken = 0; taken < count; taken += 1) slots.take(slots.nextFree(0));
  assert.equal(slots.nextFree(0), count);
  // Full but for one: what a walk would take a million steps for.
  for (let round = 0; round < 10_000; round += 1) {
    slots.free(count - 1);
    assert.equal(slots.nextFree(1), count - 1);
    slots.take(count - 1);
  }
  assert.ok(performance.now() - started < 10_000);
});
