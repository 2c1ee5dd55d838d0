import { describeFailure, statusOf } from "./outcome.ts";
import type { Activity, PastFailure } from "./ports.ts";
import type { Repair } from "./repair_messages.ts";
import { repairOutcomeOf } from "./repair_outcome.ts";

/** Counts what an operator wants to know afterwards. */
export class ActivityRecord {
  readonly #startedMs = Date.now();
  #repairs = 0;
  #lastFailure: PastFailure | undefined;

  /** What there is to tell now. */
  get current(): Activity {
    return {
      startedMs: this.#startedMs,
      repairs: this.#repairs,
      lastFailure: this.#lastFailure,
    };
  }

  /** Counts what was written or deleted, and keeps the last failure. */
  noteRepairs(repairs: readonly Repair[]): void {
    for (const repair of repairs) {
      if (repairOutcomeOf(repair) === "changed") this.#repairs += 1;
      const sentence = failureOf(repair);
      if (sentence !== undefined) this.noteFailure(sentence);
    }
  }

  /** @param sentence what failed and why */
  noteFailure(sentence: string): void {
    this.#lastFailure = { atMs: Date.now(), sentence };
  }
}

function failureOf(repair: Repair): string | undefined {
  const { outcome } = repair;
  switch (outcome.kind) {
    case "failed":
    case "lost":
      return describeFailure(repair.prefix, outcome);
    case "connected": {
      if (repair.kind !== "route") return undefined;
      const status = statusOf(repair.before.route, outcome);
      return status.kind === "error" ? status.sentence : undefined;
    }
    case "added":
    case "absent":
    case "pending":
    case "removed":
    case "unchanged":
    case "written":
      return undefined;
    default:
      return outcome satisfies never;
  }
}
