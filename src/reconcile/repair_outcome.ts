import type { RepairOutcome } from "../observability/instruments.ts";
import type { Repair } from "./repair_messages.ts";

/** What became of a repair, in as few words as metrics have for it. */
export function repairOutcomeOf({ outcome }: Repair): RepairOutcome {
  switch (outcome.kind) {
    case "added":
    case "removed":
    case "written":
      return "changed";
    case "absent":
    case "unchanged":
      return "unchanged";
    case "connected":
      // The kernel's own route is in the way; ours may have been withdrawn.
      return outcome.withdrew ? "changed" : "failed";
    case "failed":
    case "lost":
    case "pending":
      return outcome.kind;
    default:
      return outcome satisfies never;
  }
}
