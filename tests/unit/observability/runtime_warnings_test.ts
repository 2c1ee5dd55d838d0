import assert from "node:assert/strict";
import process from "node:process";
import { setTimeout as setNodeTimeout } from "node:timers";
import { logRuntimeWarnings } from "../../../src/observability/runtime_warnings.ts";
import { until } from "../../support/wait.ts";

Deno.test("logRuntimeWarnings logs a warning of Deno instead of writing it to stderr", async () => {
  const lines: string[] = [];
  const before = process.listeners("warning");
  const end = logRuntimeWarnings({
    log: (level, message) => void lines.push(`${level}: ${message}`),
    flush: () => Promise.resolve(),
  });
  assert.equal(process.listenerCount("warning"), 1);
  clearTimeout(Number(setNodeTimeout(() => {}, 2 ** 31)));
  await until(() => lines.length > 0, { what: "the warning" });
  end();
  assert.deepEqual(lines, [
    "warn: Deno warns: TimeoutOverflowWarning: 2147483648 does not fit into a 32-bit " +
    "signed integer. Timeout duration was set to 1.",
  ]);
  assert.deepEqual(process.listeners("warning"), before);
});
