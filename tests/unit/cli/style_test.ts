import assert from "node:assert/strict";
import { styled, type Tone } from "../../../src/cli/style.ts";

const TONES: readonly Tone[] = [
  ...["good", "waiting", "bad", "own", "stale", "faint", "strong"] as const,
];

Deno.test("styled sets a tone, and resets only that", () => {
  const coloured = { hasColour: true };
  assert.equal(styled(coloured, "good", "installed"), "\u001b[32minstalled\u001b[39m");
  assert.equal(styled(coloured, "faint", "·"), "\u001b[2m·\u001b[22m");
  assert.equal(styled(coloured, "good", ""), "");
  const starts = TONES.map((tone) => styled(coloured, tone, "x").split("x", 1)[0]);
  assert.equal(new Set(starts).size, TONES.length);
});

Deno.test("styled leaves the text as it is where no colours are wanted", () => {
  for (const tone of TONES) {
    assert.equal(styled({ hasColour: false }, tone, "installed"), "installed");
  }
});
