import assert from "node:assert/strict";
import { isYes } from "../../../src/cli/confirmation.ts";
import { bar } from "../../../src/cli/progress.ts";
import { type SyncJson, syncJson } from "../../../src/cli/sync.ts";

Deno.test("sync --json prints this, and a field is only ever added", () => {
  const expected: SyncJson = {
    version: 1,
    dry_run: true,
    added: 1,
    removed: 1,
    unchanged: 1,
    pending: 1,
    refused: 1,
    routes: [
      { destination: "10.42.1.0/24", device: "a", outcome: "added", detail: "" },
      { destination: "10.42.2.0/24", device: "", outcome: "removed", detail: "" },
      { destination: "10.42.3.0/24", device: "b", outcome: "unchanged", detail: "" },
      { destination: "10.42.4.0/24", device: "c", outcome: "pending", detail: "why" },
      { destination: "10.42.5.0/24", device: "", outcome: "refused", detail: "\u202e" },
    ],
  };
  const text = syncJson(
    {
      outcomes: [
        { destination: "10.42.1.0/24", kind: "ROUTE_OUTCOME_KIND_ADDED", detail: "" },
        { destination: "10.42.2.0/24", kind: "ROUTE_OUTCOME_KIND_REMOVED", detail: "" },
        {
          destination: "10.42.3.0/24",
          kind: "ROUTE_OUTCOME_KIND_UNCHANGED",
          detail: "",
        },
        {
          destination: "10.42.4.0/24",
          kind: "ROUTE_OUTCOME_KIND_PENDING",
          detail: "why",
        },
        {
          destination: "10.42.5.0/24",
          kind: "ROUTE_OUTCOME_KIND_REFUSED",
          detail: "\u202e",
        },
      ],
      added: 1,
      removed: 1,
      unchanged: 1,
      pending: 1,
      refused: 1,
    },
    [
      { destination: "10.42.1.0/24", device: "a" },
      { destination: "10.42.3.0/24", device: "b" },
      { destination: "10.42.4.0/24", device: "c" },
    ],
    true,
  );
  assert.deepEqual(JSON.parse(text), expected);
  assert.match(text, /^[ -~]+$/);
});

Deno.test("y and yes in any case are a yes, and everything else is a no", () => {
  for (const line of ["y", "Y\n", "yes\r\n", " YES \n"]) assert.ok(isYes(line), line);
  for (const line of ["", "\n", "n", "no", "yep", "yes please", "y y", "1", "ja"]) {
    assert.ok(!isYes(line), line);
  }
});

Deno.test("the bar of long work moves to the end and back, and says how long it goes on", () => {
  const at = (elapsedMs: number): string => bar("Changing 2 routes", elapsedMs);
  assert.equal(at(0), `Changing 2 routes [===${" ".repeat(21)}] 0 s`);
  assert.equal(at(21 * 120), `Changing 2 routes [${" ".repeat(21)}===] 2 s`);
  assert.equal(at(42 * 120), `Changing 2 routes [===${" ".repeat(21)}] 5 s`);
  const widths = Array.from({ length: 100 }, (_, step) => at(step * 60).indexOf("]"));
  assert.deepEqual([...new Set(widths)], [at(0).indexOf("]")]);
});
