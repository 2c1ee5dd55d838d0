import assert from "node:assert/strict";
import fc from "fast-check";
import { utf8Length } from "../src/utf8_length.ts";

const texts = fc.oneof(
  fc.string({ unit: "grapheme-ascii" }),
  fc.string({ unit: "binary" }),
  // Lone surrogates among them.
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) =>
    String.fromCharCode(...units)
  ),
);

Deno.test("a text takes as many bytes as TextEncoder makes of it", () => {
  fc.assert(
    fc.property(texts, (text) => {
      assert.equal(utf8Length(text), new TextEncoder().encode(text).length);
    }),
    { numRuns: 5_000 },
  );
});
