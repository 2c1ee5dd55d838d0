import assert from "node:assert/strict";
import fc from "fast-check";
import { escapeInvisible, quote } from "../../../src/shared/quote.ts";

/** Any sequence of UTF-16 code units, including lone surrogates. */
const anyUnits = fc.string({
  unit: fc.oneof(
    fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    fc.constantFrom(..."\"\\…\n\r\0\x1b\x7f\x9b\u2028\u202e'`u0"),
    fc.integer({ min: 0x20, max: 0x7e }).map((unit) => String.fromCharCode(unit)),
  ),
  maxLength: 100,
  size: "max",
});

Deno.test("quote shows plain text unchanged between double quotes", () => {
  assert.equal(quote("10.42.1.0"), '"10.42.1.0"');
  assert.equal(quote("it's ~ a #plain {text}"), '"it\'s ~ a #plain {text}"');
  assert.equal(quote(""), '""');
});

Deno.test("quote escapes quotes, backslashes and control characters as in JSON", () => {
  assert.equal(quote('a"b\\c'), '"a\\"b\\\\c"');
  assert.equal(quote("\b\t\n\f\r"), '"\\b\\t\\n\\f\\r"');
  assert.equal(quote("\0\x1b[2J\x1f"), '"\\u0000\\u001b[2J\\u001f"');
  assert.equal(quote("a\nINFO: forged"), '"a\\nINFO: forged"');
});

Deno.test("quote escapes everything that is not printable ASCII", () => {
  assert.equal(quote("\x7f\x80\x9b2J"), '"\\u007f\\u0080\\u009b2J"');
  assert.equal(quote("ä٣\u2028\u202e…"), '"\\u00e4\\u0663\\u2028\\u202e\\u2026"');
  assert.equal(quote("😀"), '"\\ud83d\\ude00"');
  assert.equal(quote("\ud83d"), '"\\ud83d"');
});

Deno.test("quote cuts text after 64 code units and marks the cut with an ellipsis", () => {
  assert.equal(quote("x".repeat(64)), `"${"x".repeat(64)}"`);
  assert.equal(quote("x".repeat(65)), `"${"x".repeat(64)}…"`);
  assert.equal(quote("\n".repeat(5_000_000)), `"${"\\n".repeat(64)}…"`);
});

Deno.test("quote returns one bounded line that no input can end early", () => {
  const seen = { cut: 0, whole: 0 };
  fc.assert(
    fc.property(anyUnits, (text) => {
      const quoted = quote(text);
      assert(quoted.length <= 387, `${quoted.length} code units`);
      assert(quoted.startsWith('"') && quoted.endsWith('"'));
      const inside = quoted.slice(1, -1);
      const cut = text.length > 64;
      seen[cut ? "cut" : "whole"] += 1;
      assert.equal(inside.endsWith("…"), cut);
      const shown = cut ? inside.slice(0, -1) : inside;
      // Printable ASCII but quote and backslash, or one whole escape sequence.
      assert.match(shown, /^(?:[ !#-[\]-~]|\\["\\bfnrt]|\\u[0-9a-f]{4})*$/);
      assert.equal(JSON.parse(`"${shown}"`), text.slice(0, 64));
    }),
    { numRuns: 20_000 },
  );
  assert(seen.cut > 1_000 && seen.whole > 1_000, JSON.stringify(seen));
});

Deno.test("escapeInvisible escapes only what is invisible, by code unit", () => {
  assert.equal(escapeInvisible("agent 7 äß漢😀"), "agent 7 äß漢😀");
  assert.equal(escapeInvisible("a\n\u202e\u{e0001}"), "a\\u000a\\u202e\\udb40\\udc01");
});

Deno.test("escapeInvisible does not change the meaning of a JSON document", () => {
  fc.assert(fc.property(anyUnits, (text) => {
    const document = escapeInvisible(JSON.stringify({ text }));
    assert.doesNotMatch(document, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    assert.deepEqual(JSON.parse(document), { text });
  }));
});
