import assert from "node:assert/strict";
import { ResyncLog } from "../../../src/reconcile/resync_log.ts";

interface Watched {
  readonly resyncs: ResyncLog;
  readonly lines: string[];
  readonly faults: (string | undefined)[];
}

function watch(resyncMs: number): Watched {
  const lines: string[] = [];
  const faults: (string | undefined)[] = [];
  const resyncs = new ResyncLog({
    logger: {
      log: (level, message) => void lines.push(`${level}: ${message}`),
      flush: () => Promise.resolve(),
    },
    resyncMs,
    onFault: (fault) => void faults.push(fault),
  });
  return { resyncs, lines, faults };
}

Deno.test("a resync that fails once is logged, tried again soon, and no fault", () => {
  const { faults, lines, resyncs } = watch(30_000);
  assert.equal(resyncs.failed("ip ended"), 1000);
  resyncs.succeeded();
  assert.deepEqual(lines, [
    "warn: The resync failed, trying again: ip ended",
    "info: The resync succeeds again after 1 failure",
  ]);
  assert.deepEqual(faults, []);
});

Deno.test("resyncs that keep failing are one line and a fault, until one succeeds", () => {
  const { faults, lines, resyncs } = watch(30_000);
  const pauses = Array.from({ length: 8 }, () => resyncs.failed("one\ntwo"));
  assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  assert.deepEqual(faults, ["3 resyncs failed in a row: one; two"]);
  assert.equal(lines.length, 1);
  resyncs.succeeded();
  resyncs.succeeded();
  assert.deepEqual(faults.slice(1), [undefined]);
  assert.deepEqual(lines.slice(1), [
    "info: The resync succeeds again after 8 failures",
  ]);
});

Deno.test("a failed resync waits no longer than one that succeeds", () => {
  const { resyncs } = watch(500);
  assert.equal(resyncs.failed("ip ended"), 500);
});
