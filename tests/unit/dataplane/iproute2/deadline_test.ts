import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { Deadline } from "../../../../src/dataplane/iproute2/deadline.ts";
import { until } from "../../../support/wait.ts";

/** A deadline that counts how often it has passed. */
function countingDeadline(): { readonly deadline: Deadline; passed: number } {
  const seen = { deadline: new Deadline(() => seen.passed += 1), passed: 0 };
  return seen;
}

Deno.test("Deadline passes once, and not before its time", async () => {
  const seen = countingDeadline();
  const from = performance.now();
  seen.deadline.set(50);
  await until(() => seen.passed > 0, { what: "the deadline to pass", everyMs: 1 });
  assert.ok(performance.now() - from >= 49);
  await pause(100);
  assert.equal(seen.passed, 1);
});

Deno.test("Deadline passes later if it is set again, however often", async () => {
  const seen = countingDeadline();
  const began = performance.now();
  // Longer than any stall of the machine, and set again beyond its first end.
  while (performance.now() < began + 2_200) {
    seen.deadline.set(2_000);
    await pause(10);
  }
  assert.equal(seen.passed, 0);
  const from = performance.now();
  seen.deadline.set(60);
  await until(() => seen.passed > 0, { what: "the deadline to pass", everyMs: 1 });
  assert.ok(performance.now() - from >= 59);
});

Deno.test("Deadline does not pass after clear, and can be set again", async () => {
  const seen = countingDeadline();
  seen.deadline.set(20);
  seen.deadline.clear();
  await pause(60);
  assert.equal(seen.passed, 0);
  seen.deadline.set(20);
  await until(() => seen.passed > 0, { what: "the deadline to pass", everyMs: 1 });
});

Deno.test("Deadline leaves no timer behind when it is closed", () => {
  // The test runner itself finds a timer that is left.
  const { deadline } = countingDeadline();
  deadline.set(60_000);
  deadline.close();
});
