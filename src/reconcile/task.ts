import { isRead } from "../dataplane/iproute2/commands.ts";
import type { Errand } from "../dataplane/iproute2/adapter.ts";
import type { CommandResult } from "../dataplane/iproute2/batch_process.ts";
import type { FoundRoute, LinkState } from "../routing/kernel_route.ts";
import type { Trouble } from "./goal.ts";
import type { Question, Seen, View } from "./observe.ts";

/** What earlier rounds did for a goal. */
export interface History {
  /** A write succeeded, or its fate is unknown: what is true now may be our doing. */
  readonly wrote: boolean;
  /** A command was sent, whatever became of it. */
  readonly tried: boolean;
  /** The entry in table 142 may have been written. */
  readonly remembered: boolean;
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
  /**
   * @param link the device as the same exchange shows it
   * @returns a step that is to follow, or the end of the round
   */
  interpret(
    results: readonly CommandResult[],
    link: LinkState | undefined,
  ): Verdict<Reached> | Step<Reached>;
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

/** How one kind of goal is reached. */
export interface Course<Reached> {
  readonly question: Omit<Question, "closer">;
  /** A step that needs no look first, when what was seen last makes one unnecessary. */
  readonly opening: Step<Reached> | undefined;
  readonly judge: Judge<Reached>;
  /** Called once with what was reached. */
  readonly settle: (reached: Reached | Trouble) => void;
}

/** One goal on its way to the kernel's confirmation, whatever its kind. */
export interface Task {
  /** The commands to begin a round with instead of a look; empty if there are none. */
  open(): readonly Errand[];
  /** What to ask the kernel; undefined once the goal is settled. */
  question(): Question | undefined;
  /** Takes the answer; returns the commands that have to be sent, often none. */
  judge(view: View): readonly Errand[];
  /** Takes the results of those commands. */
  conclude(results: readonly CommandResult[], link: LinkState | undefined): void;
  /** `ip` was lost: whatever was sent may or may not have been done. */
  lose(why: string): void;
  /** Settles as lost what is still open. */
  giveUp(): void;
}

/** A task that ends by calling the course's `settle` once. */
export function createTask<Reached>(course: Course<Reached>, closer = false): Task {
  return new GoalTask(course, closer);
}

/** So often a failure is seen in the same circumstances before it counts as steady. */
const STEADY = 3;

/** True for what changes more than the memory of what is wanted. */
function changes({ command }: Errand): boolean {
  return !isRead(command) && command.kind !== "remember";
}

const NOTHING_DONE: History = {
  wrote: false,
  tried: false,
  remembered: false,
  over: [],
};

class GoalTask<Reached> implements Task {
  readonly #course: Course<Reached>;
  #open = true;
  #closer: boolean;
  #opening: Step<Reached> | undefined;
  #history = NOTHING_DONE;
  /** Handed out, and nothing is known yet of its results. */
  #step: Step<Reached> | undefined;
  /** What the step was decided by; undefined if by no look. */
  #view: View | undefined;
  readonly #setbacks = new Map<string, number>();
  #why = "its routes change faster than they can be read";

  constructor(course: Course<Reached>, closer: boolean) {
    this.#course = course;
    this.#closer = closer;
    this.#opening = course.opening;
  }

  open(): readonly Errand[] {
    const opening = this.#opening;
    this.#opening = undefined;
    this.#view = undefined;
    return opening === undefined ? [] : this.#take(opening);
  }

  question(): Question | undefined {
    return this.#open ? { ...this.#course.question, closer: this.#closer } : undefined;
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
        this.#view = view;
        const verdict = this.#course.judge(view, this.#history);
        if (verdict.kind === "step") return this.#take(verdict);
        this.#apply(verdict);
        return [];
      }
    }
  }

  conclude(results: readonly CommandResult[], link: LinkState | undefined): void {
    const step = this.#step;
    if (step === undefined) return;
    this.#step = undefined;
    this.#note(step, step.errands.filter((_, index) => results[index]?.ok === true));
    const next = step.interpret(results, link);
    if (next.kind === "step") this.#opening = next;
    else {this.#apply(
        next.kind === "again" ? this.#steady(step, results) ?? next : next,
      );}
  }

  lose(why: string): void {
    this.#why = why;
    const step = this.#step;
    this.#step = undefined;
    if (step !== undefined) this.#note(step, step.errands);
  }

  giveUp(): void {
    if (this.#open) this.#apply(settled({ kind: "lost", why: this.#why }));
  }

  #take(step: Step<Reached>): readonly Errand[] {
    this.#step = step;
    return step.errands;
  }

  /** Takes what of a step is done, or may be. */
  #note(step: Step<Reached>, done: readonly Errand[]): void {
    const { over, remembered, wrote } = this.#history;
    const writes = done.some(changes);
    this.#history = {
      tried: true,
      wrote: wrote || writes,
      remembered: remembered || done.some(({ command }) => command.kind === "remember"),
      over: writes ? [...over, ...step.over] : over,
    };
  }

  /**
   * A failure that comes again and again while the look shows the same is no race: the
   * kernel's words are the answer. Undefined as long as it may still be one.
   */
  #steady(
    { errands }: Step<Reached>,
    results: readonly CommandResult[],
  ): Verdict<Reached> | undefined {
    const written = results.filter((_, index) => {
      const errand = errands[index];
      return errand !== undefined && changes(errand);
    });
    const failed = written.find((result) => !result.ok);
    const anyDone = written.some((result) => result.ok);
    if (failed?.ok !== false || anyDone || this.#view === undefined) return undefined;
    const { failure } = failed;
    const setback = JSON.stringify([this.#view, failure]);
    const count = (this.#setbacks.get(setback) ?? 0) + 1;
    this.#setbacks.set(setback, count);
    return count < STEADY ? undefined : settled({ kind: "failed", failure });
  }

  #apply(verdict: Verdict<Reached>): void {
    if (verdict.kind === "again") {
      this.#closer = this.#closer || verdict.closer;
      return;
    }
    this.#open = false;
    this.#course.settle(verdict.reached);
  }
}
