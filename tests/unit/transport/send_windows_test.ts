import assert from "node:assert/strict";
import fc from "fast-check";
import { SendWindows } from "../../../src/transport/send_windows.ts";

const DEFAULT = 65_535;

Deno.test("what fits into the client's windows is not held", () => {
  const windows = new SendWindows();
  windows.send(1, DEFAULT);
  assert.equal(windows.held, 0);
  windows.send(1, 10);
  assert.equal(windows.held, 10);
  windows.grow(0, 100);
  assert.equal(windows.held, 10);
  windows.grow(1, 100);
  assert.equal(windows.held, 0);
});

Deno.test("a client without a window makes all of its answers wait, until it makes room or the streams are over", () => {
  const windows = new SendWindows();
  windows.begin(0);
  for (const stream of [1, 3, 5]) windows.send(stream, 1_000);
  assert.equal(windows.held, 3_000);
  windows.close(3);
  assert.equal(windows.held, 2_000);
  windows.begin(600);
  assert.equal(windows.held, 800);
  windows.grow(5, 400);
  assert.equal(windows.held, 400);
  windows.close(1);
  windows.close(5);
  assert.equal(windows.held, 0);
});

Deno.test("a client that grows its windows by one octet at a time is held for all the others", () => {
  const windows = new SendWindows();
  windows.begin(0);
  windows.send(1, 1_000_000);
  for (let each = 0; each < 1_000; each += 1) {
    windows.grow(1, 1);
    windows.grow(0, 1);
  }
  assert.equal(windows.held, 999_000);
});

type Step =
  | { readonly kind: "send" | "grow"; readonly stream: number; readonly bytes: number }
  | { readonly kind: "begin"; readonly bytes: number }
  | { readonly kind: "close"; readonly stream: number };

const stream = fc.constantFrom(1, 3, 5);
const bytes = fc.nat({ max: 100_000 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom("send", "grow"), stream, bytes }),
  fc.record({ kind: fc.constant("grow"), stream: fc.constant(0), bytes }),
  fc.record({ kind: fc.constant("begin"), bytes }),
  fc.record({ kind: fc.constant("close"), stream }),
);

Deno.test("what the windows of the streams hold back is what a plain sum over all that happened says", () => {
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const windows = new SendWindows();
      let initial = DEFAULT;
      const sent = new Map<number, number>();
      const grown = new Map<number, number>();
      const add = (to: Map<number, number>, key: number, more: number) =>
        to.set(key, (to.get(key) ?? 0) + more);
      // Enough for the connection as a whole: only the streams hold anything back.
      windows.grow(0, 1e12);
      for (const each of steps) {
        switch (each.kind) {
          case "send":
            windows.send(each.stream, each.bytes);
            add(sent, each.stream, each.bytes);
            break;
          case "grow":
            windows.grow(each.stream, each.bytes);
            if (sent.has(each.stream)) add(grown, each.stream, each.bytes);
            break;
          case "begin":
            windows.begin(each.bytes);
            initial = each.bytes;
            break;
          case "close":
            windows.close(each.stream);
            sent.delete(each.stream);
            grown.delete(each.stream);
        }
        const held = [...sent].map(([id, all]) =>
          Math.max(0, all - initial - (grown.get(id) ?? 0))
        );
        assert.equal(windows.held, held.reduce((sum, one) => sum + one, 0));
      }
    }),
  );
});
