import assert from "node:assert/strict";
import { type Outcome, Report } from "../../runner/report.ts";
import { closingLine } from "../../runner/summary.ts";

function open(isTerminal: boolean) {
  let text = "";
  const report = new Report(3, {
    write: (part) => void (text += part),
    isTerminal,
    columns: () => 60,
  });
  return { report, text: () => text };
}

const outcome = (name: string, given: Partial<Outcome> = {}): Outcome => ({
  ...{ name, seconds: 1.25, failed: 0, output: `${name} says\n` },
  cases: [{ name: "test", seconds: 1, end: "passed" }],
  ...given,
});

Deno.test("elsewhere than on a terminal each unit has a line, and a failure its output, twice", () => {
  const { report, text } = open(false);
  report.started("a");
  report.ended(outcome("a"));
  report.ended(outcome("b", {
    failed: 1,
    cases: [{ name: "test", seconds: 2, end: "failed" }],
  }));
  report.ended(outcome("c", { cases: [{ name: "x", seconds: 0, end: "skipped" }] }));
  assert.deepEqual(report.close(), { passed: 1, failed: 1, skipped: 1 });
  assert.equal(
    text(),
    `ok a (1 passed, 0 failed, 1.3 s)
b says
FAILED b (0 passed, 1 failed, 1.3 s)
ok c (0 passed, 0 failed, 1 skipped, 1.3 s)

Failed: b
b says
`,
  );
});

Deno.test("a terminal has one line of progress, no wider than it is", () => {
  const { report, text } = open(true);
  report.started("a".repeat(100));
  const line = text().split("\r\u001b[K").at(-1) ?? "";
  assert.match(line, /^0 of 3, 0 failed, 0:00 {2}a+$/);
  assert.equal(line.length, 59);
  report.ended(outcome("a".repeat(100)));
  assert.match(text(), /1 of 3, 0 failed, 0:00 {2}$/);
  report.close();
  assert.ok(text().endsWith("\r\u001b[K"));
});

Deno.test("of more than ten tests the slowest ten are reported", () => {
  const { report, text } = open(false);
  const cases = Array.from({ length: 12 }, (_, at) => (
    { name: `test ${at}`, seconds: at, end: "passed" as const }
  ));
  report.ended(outcome("a", { cases }));
  report.close();
  const lines = text().trim().split("\n").slice(-10);
  assert.equal(lines[0], "   11.0 s  a: test 11");
  assert.equal(lines[9], "    2.0 s  a: test 2");
});

Deno.test("the closing line has the form that CI reads", () => {
  assert.equal(closingLine({ passed: 3, failed: 0, skipped: 0 }), "3 passed, 0 failed");
  const skipped = closingLine({ passed: 3, failed: 1, skipped: 2 });
  assert.equal(skipped, "3 passed, 1 failed, 2 skipped");
});
