import assert from "node:assert/strict";
import { type Finding, isKept } from "../../bench/report.ts";

function finding(value: number, limit?: Finding["limit"]): Finding {
  const reported = { what: "a", value, unit: "×", raw: "" } as const;
  return limit === undefined ? reported : { ...reported, limit };
}

Deno.test("a limit is kept up to and including its value", () => {
  const most = { kind: "at most", value: 1.5 } as const;
  assert.ok(isKept(finding(1.5, most)));
  assert.ok(!isKept(finding(1.501, most)));
  const least = { kind: "at least", value: 0.6 } as const;
  assert.ok(isKept(finding(0.6, least)));
  assert.ok(!isKept(finding(0.599, least)));
});

Deno.test("what has no limit is kept; what is no number keeps none", () => {
  assert.ok(isKept(finding(1000)));
  assert.ok(!isKept(finding(NaN, { kind: "at most", value: 1 })));
  assert.ok(!isKept(finding(NaN, { kind: "at least", value: 1 })));
});
