import type { Errand } from "../kernel/door.ts";
import type { Result } from "../kernel/session.ts";
import type { FoundRoute } from "../routes/found_route.ts";
import type { Trouble } from "./goal.ts";
import type { Question, Seen, View } from "./look.ts";

/** What earlier rounds did for a goal, when their outcome was not learned. */
export interface History {
  /** A write went out whose fate is unknown: what is true now may be our doing. */
  readonly wrote: boolean;
  /** The routes that such a write was to replace. */
  readonly over: readonly FoundRoute[];
}

/** The end of a round for one goal: reached, or to be looked at once more. */
export type Verdict<Reached> =
  | { readonly kind: "settled"; readonly reached: Reached | Trouble }
  /** `closer`: one FIB look-up could not tell, walk the table. */
  | { readonly kind: "again"; readonly closer: boolean };

/** Commands to send for one goal, and what their results mean. */
export interface Step<Reached> {
  readonly kind: "step";
  readonly errands: readonly Errand[];
  readonly over: readonly FoundRoute[];
  interpret(results: readonly Result[]): Verdict<Reached>;
}

/** Decides about one goal from what the kernel shows. */
export type Judge<Reached> = (
  seen: Seen,
  history: History,
) => Verdict<Reached> | Step<Reached>;

/** The goal has been reached, or can never be. */
export function settled<Reached>(reached: Reached | Trouble): Verdict<Reached> {
  return { kind: "settled", reached };
}

/** Look again; nothing is certain yet. */
export const AGAIN: Verdict<never> = { kind: "again", closer: false };

/** Look again, and walk the table this time. */
export const CLOSER: Verdict<never> = { kind: "again", closer: true };

/** One goal on its way to the kernel's confirmation, whatever its kind. */
export interface Task {
  /** What to ask the kernel; undefined once the goal is settled. */
  question(): Question | undefined;
  /** Takes the answer; returns the commands that have to be sent, often none. */
  judge(view: View): readonly Errand[];
  /** Takes the results of those commands. */
  conclude(results: readonly Result[]): void;
  /** `ip` was lost: whatever was sent may or may not have been done. */
  lose(why: string): void;
  /** Settles as lost what is still open. */
  giveUp(): void;
}

/** A task that ends by calling `settle` once with what was reached. */
export function createTask<Reached>(
  question: Omit<Question, "closer">,
  judge: Judge<Reached>,
  settle: (reached: Reached | Trouble) => void,
): Task {
  return new GoalTask(question, judge, settle);
}

class GoalTask<Reached> implements Task {
  readonly #question: Omit<Question, "closer">;
  readonly #judge: Judge<Reached>;
  readonly #settle: (reached: Reached | Trouble) => void;
  #open = true;
  #closer = false;
  #history: History = { wrote: false, over: [] };
  #step: Step<Reached> | undefined;
  #why = "its routes change faster than they can be read";

  constructor(
    question: Omit<Question, "closer">,
    judge: Judge<Reached>,
    settle: (reached: Reached | Trouble) => void,
  ) {
    this.#question = question;
    this.#judge = judge;
    this.#settle = settle;
  }

  question(): Question | undefined {
    return this.#open ? { ...this.#question, closer: this.#closer } : undefined;
  }

  judge(view: View): readonly Errand[] {
    switch (view.kind) {
      case "closer":
        this.#apply(CLOSER);
        return [];
      case "failed":
        this.#apply(settled(view));
        return [];
      case "seen": {
        const verdict = this.#judge(view, this.#history);
        if (verdict.kind !== "step") {
          this.#apply(verdict);
          return [];
        }
        this.#step = verdict;
        const over = [...this.#history.over, ...verdict.over];
        this.#history = { wrote: true, over };
        return verdict.errands;
      }
    }
  }

  conclude(results: readonly Result[]): void {
    if (this.#step !== undefined) this.#apply(this.#step.interpret(results));
  }

  lose(why: string): void {
    this.#why = why;
  }

  giveUp(): void {
    if (this.#open) this.#apply(settled({ kind: "lost", why: this.#why }));
  }

  #apply(verdict: Verdict<Reached>): void {
    if (verdict.kind === "again") {
      this.#closer = this.#closer || verdict.closer;
      return;
    }
    this.#open = false;
    this.#settle(verdict.reached);
  }
}
