import assert from "node:assert/strict";
import { endOf } from "../../../src/cli/output.ts";

Deno.test("a command ends with its own code if all was written, or if nobody reads on", () => {
  for (const code of [0, 1, 3]) {
    assert.equal(endOf({ kind: "written" }, code), code);
    assert.equal(endOf({ kind: "reader-gone" }, code), code);
  }
});

Deno.test("a command whose output cannot be written ends with 1 and the reason", () => {
  const why = "No space left on device (os error 28)";
  assert.deepEqual(endOf({ kind: "failed", why }, 0), {
    exitCode: 1,
    sentence: `Cannot write to standard output: ${why}; free some space, or write to ` +
      "another file",
  });
});
