import assert from "node:assert/strict";
import fc from "fast-check";
import { AllocatorModel } from "./allocator_model.ts";
import { allocate, allocatorOf, keyOf, names, outcomeOf } from "./allocator_harness.ts";

interface Step {
  readonly what: "allocate" | "request" | "release" | "replace";
  readonly name: string;
  readonly octet: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom(
    "allocate",
    "allocate",
    "allocate",
    "request",
    "release",
    "release",
    "replace",
  ),
  name: fc.nat({ max: 20 }).map((at) => `c${at}`),
  octet: fc.nat({ max: 40 }),
});

Deno.test("AddressAllocator does the same as the simple model for any sequence of calls", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(27, 28, 29, 30),
      fc.integer({ min: 1, max: 2 }),
      fc.array(step, { maxLength: 200, size: "max" }),
      (prefix, gateway, steps) => {
        const allocator = allocatorOf(`10.42.1.0/${prefix}`, gateway);
        const model = new AllocatorModel(prefix, gateway);
        for (const { name, octet, what } of steps) {
          if (what === "replace") allocator.replaceAll(allocator.list());
          else if (what === "release") {
            const released = allocator.findByOwner(keyOf(name));
            assert.equal(octetOf(released?.address), model.release(name));
            if (released !== undefined) allocator.release(released);
          } else {
            const requested = what === "request" ? octet : undefined;
            const text = requested === undefined ? requested : `10.42.1.${requested}`;
            const answer = outcomeOf(allocate(allocator, name, text));
            const expected = model.allocate(name, requested);
            assert.equal(octetOf(answer) ?? answer, expected);
          }
          assert.equal(allocator.free, model.free);
          assert.deepEqual(
            allocator.list().map(({ address }) => octetOf(address)),
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

Deno.test("AddressAllocator allocates from a full /16 without a linear search", () => {
  const allocator = allocatorOf("10.42.0.0/16");
  const count = allocator.free;
  assert.equal(count, 65_533);
  for (const name of names(count)) allocate(allocator, name);
  assert.equal(allocator.free, 0);
  const started = performance.now();
  for (let round = 0; round < 1_000; round += 1) {
    const allocation = allocator.findByOwner(keyOf("c7"));
    assert.ok(allocation !== undefined);
    allocator.release(allocation);
    assert.equal(outcomeOf(allocate(allocator, "c7")), allocation.address);
  }
  // A linear search over 65,533 addresses each time would take seconds.
  assert.ok(performance.now() - started < 2_000);
});
