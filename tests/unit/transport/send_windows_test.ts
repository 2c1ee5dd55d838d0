import assert from "node:assert/strict";
import fc from "fast-check";
import { SendWindows } from "../../../src/transport/send_windows.ts";

const DEFAULT = 65_535;

Deno.test("SendWindows block nothing that fits into the client's windows", () => {
  const windows = new SendWindows();
  windows.send(1, DEFAULT);
  assert.equal(windows.blockedBytes, 0);
  windows.send(1, 10);
  assert.equal(windows.blockedBytes, 10);
  windows.update(0, 100);
  assert.equal(windows.blockedBytes, 10);
  windows.update(1, 100);
  assert.equal(windows.blockedBytes, 0);
});

Deno.test("SendWindows block all answers of a client without a window, until it gives one or the streams are closed", () => {
  const windows = new SendWindows();
  windows.setInitialSize(0);
  for (const stream of [1, 3, 5]) windows.send(stream, 1_000);
  assert.equal(windows.blockedBytes, 3_000);
  windows.close(3);
  assert.equal(windows.blockedBytes, 2_000);
  windows.setInitialSize(600);
  assert.equal(windows.blockedBytes, 800);
  windows.update(5, 400);
  assert.equal(windows.blockedBytes, 400);
  windows.close(1);
  windows.close(5);
  assert.equal(windows.blockedBytes, 0);
});

Deno.test("SendWindows block the rest when a client updates its windows by one octet at a time", () => {
  const windows = new SendWindows();
  windows.setInitialSize(0);
  windows.send(1, 1_000_000);
  for (let each = 0; each < 1_000; each += 1) {
    windows.update(1, 1);
    windows.update(0, 1);
  }
  assert.equal(windows.blockedBytes, 999_000);
});

type Step =
  | {
    readonly kind: "send" | "update";
    readonly stream: number;
    readonly bytes: number;
  }
  | { readonly kind: "set"; readonly bytes: number }
  | { readonly kind: "close"; readonly stream: number };

const stream = fc.constantFrom(1, 3, 5);
const bytes = fc.nat({ max: 100_000 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom("send", "update"), stream, bytes }),
  fc.record({ kind: fc.constant("update"), stream: fc.constant(0), bytes }),
  fc.record({ kind: fc.constant("set"), bytes }),
  fc.record({ kind: fc.constant("close"), stream }),
);

Deno.test("SendWindows block as much as a plain sum over all that happened says", () => {
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const windows = new SendWindows();
      let initial = DEFAULT;
      const sent = new Map<number, number>();
      const updated = new Map<number, number>();
      const add = (to: Map<number, number>, key: number, more: number) =>
        to.set(key, (to.get(key) ?? 0) + more);
      // Enough for the connection as a whole: only the streams hold anything back.
      windows.update(0, 1e12);
      for (const each of steps) {
        switch (each.kind) {
          case "send":
            windows.send(each.stream, each.bytes);
            add(sent, each.stream, each.bytes);
            break;
          case "update":
            windows.update(each.stream, each.bytes);
            if (sent.has(each.stream)) add(updated, each.stream, each.bytes);
            break;
          case "set":
            windows.setInitialSize(each.bytes);
            initial = each.bytes;
            break;
          case "close":
            windows.close(each.stream);
            sent.delete(each.stream);
            updated.delete(each.stream);
        }
        const blocked = [...sent].map(([id, all]) =>
          Math.max(0, all - initial - (updated.get(id) ?? 0))
        );
        assert.equal(windows.blockedBytes, blocked.reduce((sum, one) => sum + one, 0));
      }
    }),
  );
});
