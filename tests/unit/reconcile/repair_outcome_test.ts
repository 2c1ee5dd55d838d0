import assert from "node:assert/strict";
import { INSTALLED, type PresentOutcome } from "../../../src/reconcile/outcome.ts";
import type { Repair } from "../../../src/reconcile/repair_messages.ts";
import { repairOutcomeOf } from "../../../src/reconcile/repair_outcome.ts";
import { cidr, device } from "../../support/fixtures.ts";

const PREFIX = cidr("10.42.2.0/24");
const FAILED = {
  kind: "failed",
  failure: { kind: "other", message: "No space left on device" },
} as const;
const LOST = { kind: "lost", why: "ip ended" } as const;

function route(outcome: PresentOutcome): Repair {
  const before = {
    route: { destination: PREFIX, device: device("vxlan100") },
    persisted: true,
    status: INSTALLED,
  };
  return { kind: "route", prefix: PREFIX, before, outcome };
}

function connected(withdrew: boolean): Repair {
  const blocker = device("quilt0");
  return route({
    kind: "connected",
    device: blocker,
    withdrew,
    rollBack: "not-needed",
  });
}

const OUTCOMES: readonly (readonly [Repair, string])[] = [
  [route({ kind: "added", ifindex: 7, replaced: [] }), "changed"],
  [route({ kind: "unchanged", ifindex: 7 }), "unchanged"],
  [route({ kind: "pending", reason: "down" }), "pending"],
  [route({ ...FAILED, rollBack: "not-needed" }), "failed"],
  [route(LOST), "lost"],
  [connected(true), "changed"],
  [connected(false), "failed"],
  [{ kind: "deletion", prefix: PREFIX, outcome: { kind: "removed" } }, "changed"],
  [{ kind: "deletion", prefix: PREFIX, outcome: { kind: "absent" } }, "unchanged"],
  [{ kind: "deletion", prefix: PREFIX, outcome: FAILED }, "failed"],
  [{ kind: "record", prefix: PREFIX, outcome: { kind: "written" } }, "changed"],
  [{ kind: "record", prefix: PREFIX, outcome: LOST }, "lost"],
];

for (const [repair, outcome] of OUTCOMES) {
  Deno.test(`repairOutcomeOf says ${outcome} of a ${repair.kind} with ${JSON.stringify(repair.outcome)}`, () => {
    assert.equal(repairOutcomeOf(repair), outcome);
  });
}
