import assert from "node:assert/strict";
import type { Finding } from "../../../src/diagnose/finding.ts";
import { Settling } from "../../../src/diagnose/settling.ts";
import { device } from "../../support/fixtures.ts";

function finding(id: Finding["id"], found = "3 peers and 2 routes"): Finding {
  const subject = { kind: "device", device: device("vxlan100") } as const;
  return { id, severity: "warning", subject, found, meaning: "", remedy: [] };
}

Deno.test("Settling reports a count once it has stood still for a second", () => {
  const settling = new Settling();
  const first = settling.take([finding("missing-routes")], 0);
  assert.deepEqual(first, { settled: [], againMs: 1_000 });
  const moved = settling.take([finding("missing-routes", "4 peers and 3 routes")], 900);
  assert.deepEqual(moved, { settled: [], againMs: 1_000 });
  const still = finding("missing-routes", "4 peers and 3 routes");
  assert.deepEqual(settling.take([still], 1_800), { settled: [], againMs: 100 });
  assert.deepEqual(settling.take([still], 1_900), {
    settled: [still],
    againMs: undefined,
  });
  // Gone and back is not what stood still.
  settling.take([], 2_000);
  assert.deepEqual(settling.take([still], 2_100).settled, []);
});

Deno.test("Settling reports what is no count at once", () => {
  const down = finding("device-down");
  assert.deepEqual(new Settling().take([down], 0), {
    settled: [down],
    againMs: undefined,
  });
});
