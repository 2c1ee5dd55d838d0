import assert from "node:assert/strict";
import fc from "fast-check";
import { Bitmap } from "../../../src/ipam/bitmap.ts";

/** The same by linear search. */
function nextClear(set: ReadonlySet<number>, from: number): number {
  let index = from;
  while (set.has(index)) index += 1;
  return index;
}

/** Near the edges of words of 32 and 1024 bits, and at the far end. */
const index = fc.oneof(
  fc.nat({ max: 70 }),
  fc.integer({ min: 1000, max: 1060 }),
  fc.integer({ min: 2 ** 31 - 40, max: 2 ** 31 - 1 }),
);

const step = fc.record({
  what: fc.constantFrom("set", "set", "set", "clear"),
  first: index,
  run: fc.constantFrom(1, 1, 31, 32, 33, 1024),
});

Deno.test("Bitmap finds the same next clear bit as a linear search", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 20, size: "max" }),
      fc.array(index),
      (steps, from) => {
        const bitmap = new Bitmap();
        const set = new Set<number>();
        for (const { first, run, what } of steps) {
          for (let at = first; at < Math.min(first + run, 2 ** 31); at += 1) {
            if (what === "set") {
              bitmap.set(at);
              set.add(at);
            } else {
              bitmap.clear(at);
              set.delete(at);
            }
          }
          assert.equal(bitmap.count, set.size);
          for (const at of [first, ...from]) {
            assert.equal(bitmap.has(at), set.has(at));
            assert.equal(bitmap.nextClear(at), nextClear(set, at));
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("Bitmap sets and clears a million bits without a linear search", () => {
  const bitmap = new Bitmap();
  const started = performance.now();
  const count = 1_000_000;
  for (let set = 0; set < count; set += 1) bitmap.set(bitmap.nextClear(0));
  assert.equal(bitmap.nextClear(0), count);
  // All bits but one are set: a linear search would take a million steps each time.
  for (let round = 0; round < 10_000; round += 1) {
    bitmap.clear(count - 1);
    assert.equal(bitmap.nextClear(1), count - 1);
    bitmap.set(count - 1);
  }
  assert.ok(performance.now() - started < 10_000);
});
