import assert from "node:assert/strict";
import fc from "fast-check";
import { PoolModel } from "./allocator_model.ts";
import { allocate, given, keyOf, names, poolOf } from "./allocator_harness.ts";

interface Step {
  readonly what: "allocate" | "want" | "release" | "reload";
  readonly name: string;
  readonly octet: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom(
    "allocate",
    "allocate",
    "allocate",
    "want",
    "release",
    "release",
    "reload",
  ),
  name: fc.nat({ max: 20 }).map((at) => `c${at}`),
  octet: fc.nat({ max: 40 }),
});

Deno.test("a pool does what the simple model does, whatever is asked of it", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(27, 28, 29, 30),
      fc.integer({ min: 1, max: 2 }),
      fc.array(step, { maxLength: 200 }),
      (prefix, gateway, steps) => {
        const pool = poolOf(`10.42.1.0/${prefix}`, gateway);
        const model = new PoolModel(prefix, gateway);
        for (const { name, octet, what } of steps) {
          if (what === "reload") pool.reload(pool.list());
          else if (what === "release") {
            const released = pool.of(keyOf(name));
            assert.equal(octetOf(released?.address), model.release(name));
            if (released !== undefined) pool.drop(released);
          } else {
            const wanted = what === "want" ? octet : undefined;
            const text = wanted === undefined ? wanted : `10.42.1.${wanted}`;
            const answer = given(allocate(pool, name, text));
            const expected = model.allocate(name, wanted);
            assert.equal(octetOf(answer) ?? answer, expected);
          }
          assert.equal(pool.free, model.free);
          assert.deepEqual(
            pool.list().map(({ address }) => octetOf(address)),
            [...model.held.values()].sort((one, other) => one - other),
          );
        }
      },
    ),
    { numRuns: 500 },
  );
});

function octetOf(text: string | undefined): number | undefined {
  return text?.startsWith("10.42.1.") ? Number(text.slice(8)) : undefined;
}

Deno.test("a full /16 gives and takes as fast as an empty one", () => {
  const pool = poolOf("10.42.0.0/16");
  const count = pool.free;
  assert.equal(count, 65_533);
  for (const name of names(count)) allocate(pool, name);
  assert.equal(pool.free, 0);
  const started = performance.now();
  for (let round = 0; round < 1_000; round += 1) {
    const allocation = pool.of(keyOf("c7"));
    assert.ok(allocation !== undefined);
    pool.drop(allocation);
    assert.equal(given(allocate(pool, "c7")), allocation.address);
  }
  // A walk over 65,533 addresses each time would take seconds.
  assert.ok(performance.now() - started < 2_000);
});
