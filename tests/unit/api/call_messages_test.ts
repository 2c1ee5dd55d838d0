import assert from "node:assert/strict";
import { failed, quoteUnlessPlain, succeeded } from "../../../src/api/call_messages.ts";

Deno.test("quoteUnlessPlain leaves a plain value as it is, and quotes each other one", () => {
  assert.equal(quoteUnlessPlain("10.42.1.0/24"), "10.42.1.0/24");
  assert.equal(quoteUnlessPlain("a\nINFO: b"), String.raw`"a\nINFO: b"`);
  assert.equal(quoteUnlessPlain("x, via=y"), '"x, via=y"');
  assert.equal(quoteUnlessPlain("plain\n"), String.raw`"plain\n"`);
  assert.equal(quoteUnlessPlain(""), '""');
  assert.equal(quoteUnlessPlain("a".repeat(64)), "a".repeat(64));
  assert.equal(quoteUnlessPlain("a".repeat(65)), `"${"a".repeat(64)}…"`);
});

Deno.test("succeeded has a line at info for each message", () => {
  assert.deepEqual(succeeded(true, "one", "two"), {
    kind: "succeeded",
    changed: true,
    lines: [{ level: "info", message: "one" }, { level: "info", message: "two" }],
  });
});

Deno.test("failed tells a refusal from a call that was not executed", () => {
  const sentence = "Subnet must be /24, got /16";
  assert.deepEqual(failed({ kind: "refused", sentence }), {
    kind: "refused",
    sentence,
  });
  assert.deepEqual(failed({ kind: "queue-full" }), {
    kind: "not-executed",
    sentence: "Too many calls are waiting for the kernel; call again later",
  });
});
