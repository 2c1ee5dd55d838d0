import assert from "node:assert/strict";
import { readSighting } from "../../bench/observer.ts";

Deno.test("a line of ip monitor is read with its time to the microsecond", () => {
  assert.deepEqual(
    readSighting(
      "[2026-11-24T11:02:11.168558] Deleted 10.42.1.0/24 dev lo proto static scope link ",
    ),
    {
      atMs: Date.UTC(2026, 10, 24, 11, 2, 11) + 168.558,
      words: "Deleted 10.42.1.0/24 dev lo proto static scope link",
    },
  );
});

Deno.test("a line without a time is none", () => {
  assert.equal(readSighting("10.42.1.0/24 dev lo"), undefined);
  assert.equal(readSighting(""), undefined);
});
