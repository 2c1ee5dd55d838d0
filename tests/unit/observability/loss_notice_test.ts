import assert from "node:assert/strict";
import { LossNotice } from "../../../src/observability/loss_notice.ts";
import { until } from "../../support/wait.ts";

function collect() {
  const notices: string[] = [];
  const log = { dropped: 0 };
  const say = (sentence: string) => void notices.push(sentence);
  return { notices, log, notice: new LossNotice(say, () => log.dropped) };
}

Deno.test("LossNotice says a burst of losses in one sentence, and what comes soon after it only at the end", async () => {
  const { notice, notices } = collect();
  notice.note(1, "no process read them in time");
  notice.note(56, "No space left on device (os error 28)");
  assert.deepEqual(notices, []);
  await until(() => notices.length > 0, { what: "a sentence" });
  notice.note(1, "Broken pipe (os error 32)");
  notice.close();
  assert.deepEqual(notices, [
    "Lost 57 records of the audit trail: No space left on device (os error 28); " +
    "see docs/audit.md",
    "Lost 1 record of the audit trail, 58 since the start: Broken pipe (os error 32); " +
    "see docs/audit.md",
  ]);
});

Deno.test("LossNotice says at the end once more what was lost, if the log has lost lines since", async () => {
  const { log, notice, notices } = collect();
  log.dropped = 3;
  notice.note(2, "Broken pipe (os error 32)");
  await until(() => notices.length > 0, { what: "a sentence" });
  log.dropped = 4;
  notice.note(1, "Broken pipe (os error 32)");
  notice.close();
  assert.deepEqual(notices.slice(1), [
    "Lost 3 records of the audit trail, 3 since the start: Broken pipe (os error 32); " +
    "see docs/audit.md",
  ]);
});

Deno.test("LossNotice does not say twice what was lost, if the log has lost no line since", async () => {
  const { log, notice, notices } = collect();
  log.dropped = 3;
  notice.note(2, "Broken pipe (os error 32)");
  await until(() => notices.length > 0, { what: "a sentence" });
  notice.close();
  assert.equal(notices.length, 1);
});

Deno.test("LossNotice says nothing if nothing was lost", () => {
  const { notice, notices } = collect();
  notice.close();
  assert.deepEqual(notices, []);
});
