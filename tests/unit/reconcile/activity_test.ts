import assert from "node:assert/strict";
import { ActivityRecord } from "../../../src/reconcile/activity.ts";
import type { DesiredRoute } from "../../../src/reconcile/desired_state.ts";
import { INSTALLED, type PresentOutcome } from "../../../src/reconcile/outcome.ts";
import type { Repair } from "../../../src/reconcile/repair_messages.ts";
import { cidr, device } from "../../support/fixtures.ts";

const PREFIX = cidr("10.42.2.0/24");

const DESIRED: DesiredRoute = {
  route: { destination: PREFIX, device: device("vxlan100") },
  persisted: true,
  status: INSTALLED,
};

function route(outcome: PresentOutcome): Repair {
  return { kind: "route", prefix: PREFIX, before: DESIRED, outcome };
}

const ADDED = route({ kind: "added", ifindex: 7, replaced: [] });

const FAILED = {
  kind: "failed",
  failure: { kind: "other", message: "No space left on device" },
} as const;

function connected(withdrew: boolean): Repair {
  return route({
    kind: "connected",
    device: device("quilt0"),
    withdrew,
    rollBack: "not-needed",
  });
}

/** The message after these. */
function after(...repairs: readonly Repair[]) {
  const record = new ActivityRecord();
  record.noteRepairs(repairs);
  const { lastFailure, repairs: count } = record.current;
  return { count, failure: lastFailure?.sentence };
}

Deno.test("a new record has its start, no repair and no failure", () => {
  const before = Date.now();
  const { startedMs, ...rest } = new ActivityRecord().current;
  assert.deepEqual(rest, { repairs: 0, lastFailure: undefined });
  assert.ok(startedMs >= before && startedMs <= Date.now());
});

Deno.test("what was written to the kernel or deleted from it is a repair", () => {
  const removed: Repair = {
    kind: "deletion",
    prefix: PREFIX,
    outcome: { kind: "removed" },
  };
  const written: Repair = {
    kind: "record",
    prefix: PREFIX,
    outcome: { kind: "written" },
  };
  assert.deepEqual(after(ADDED, ADDED, removed, written), {
    count: 4,
    failure: undefined,
  });
  assert.equal(after(connected(true)).count, 1);
});

Deno.test("what was found as it should be, or waits for its device, is neither a repair nor a failure", () => {
  const absent: Repair = {
    kind: "deletion",
    prefix: PREFIX,
    outcome: { kind: "absent" },
  };
  const unchanged = route({ kind: "unchanged", ifindex: 7 });
  const pending = route({ kind: "pending", reason: "down" });
  assert.deepEqual(after(absent, unchanged, pending), {
    count: 0,
    failure: undefined,
  });
});

Deno.test("the last failure is a sentence, of a route, a deletion or a record", () => {
  const refused = "The kernel refused 10.42.2.0/24: No space left on device";
  assert.deepEqual(after(route({ ...FAILED, rollBack: "not-needed" })), {
    count: 0,
    failure: refused,
  });
  const prefix = PREFIX;
  assert.equal(after({ kind: "deletion", prefix, outcome: FAILED }).failure, refused);
  assert.equal(after({ kind: "record", prefix, outcome: FAILED }).failure, refused);
  const lost = route({ kind: "lost", why: "ip ended" });
  assert.match(
    after(route({ ...FAILED, rollBack: "not-needed" }), lost).failure ?? "",
    /^No answer from the kernel about 10\.42\.2\.0\/24: ip ended; /,
  );
  assert.equal(
    after(connected(false)).failure,
    "10.42.2.0/24 is directly connected on quilt0; refusing to replace it",
  );
});

Deno.test("a failure stays with its time, whatever succeeds later", () => {
  const record = new ActivityRecord();
  const before = Date.now();
  record.noteFailure("3 resyncs failed in a row: ip ended");
  const { lastFailure } = record.current;
  assert.equal(lastFailure?.sentence, "3 resyncs failed in a row: ip ended");
  assert.ok(lastFailure.atMs >= before && lastFailure.atMs <= Date.now());
  record.noteRepairs([ADDED]);
  assert.deepEqual(record.current.lastFailure, lastFailure);
  assert.equal(record.current.repairs, 1);
});
