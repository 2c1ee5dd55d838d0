/**
 * A step of a key: the operations to observe or to apply, and the pure function that
 * interprets the answer. The reconciler executes steps and decides nothing.
 */
import type {
  Failure,
  FailureKind,
  Mutation,
  OperationResult,
  Read,
} from "../dataplane/dataplane.ts";
import type { LinkState } from "../routing/kernel_route.ts";
import type { StateChange, StoredState } from "../state/store.ts";
import type { Observation, Question } from "./observe.ts";
import type { WriteOutcome } from "./outcome.ts";

/**
 * Operations by their role. The order of {@linkcode ROLES} is the order in which the
 * kernel executes them, so a restart finds the record of each route that was programmed.
 */
export interface Plan {
  /** Records that a restart must find, or must no longer find. */
  readonly persist?: readonly StateChange[];
  /** The route itself. */
  readonly program?: readonly Mutation[];
  /** Deletions of what must not be there. */
  readonly cleanUp?: readonly (Mutation | StateChange)[];
  /** Rolls back what was written before a refusal. */
  readonly rollBack?: readonly (Mutation | StateChange)[];
  /** Observes the result. */
  readonly verify?: readonly Read[];
}

/** The roles, in the order of execution. */
export const ROLES = ["persist", "program", "cleanUp", "rollBack", "verify"] as const;

/** The results of the operations of each role, in their order. */
export type PlanResults = Readonly<
  Record<(typeof ROLES)[number], readonly OperationResult[]>
>;

/** The next step of a key. */
export type Step<Outcome> =
  /** The routes of a destination, and the key's device. */
  | {
    readonly kind: "observe";
    readonly question: Question;
    readonly then: (observation: Observation) => Step<Outcome>;
  } & Open<Outcome>
  /** All records of the state store. */
  | {
    readonly kind: "load";
    readonly then: (state: StoredState) => Step<Outcome>;
  } & Open<Outcome>
  | Apply<Outcome>
  | { readonly kind: "done"; readonly outcome: Outcome };

/** Operations to carry out. */
export interface Apply<Outcome> extends Open<Outcome> {
  readonly kind: "apply";
  readonly plan: Plan;
  /** The outcome if all goes well: the answer of a dry run. */
  readonly expected: Outcome;
  /**
   * @param link the key's device as the same batch observed it
   * @param rulesMayHide see {@linkcode readBest}
   */
  readonly then: (
    results: PlanResults,
    link: LinkState | undefined,
    rulesMayHide: boolean,
  ) => Step<Outcome>;
}

interface Open<Outcome> {
  /**
   * Marks state as unknown, because the batch was lost. Called for all keys of the batch
   * before `lost` of any of them: a key must not rely on what another key wrote.
   */
  readonly doubt?: () => void;
  /** The step after a lost batch: the kernel may have executed its operations. */
  readonly lost: () => Step<Outcome>;
  /** The outcome if there is no answer. */
  readonly giveUp: (why: string | undefined) => Outcome;
}

/** Writes or deletes records and routes without an observation; idempotent. */
export function planWrite(plan: Plan): Step<WriteOutcome> {
  const step: Apply<WriteOutcome> = {
    kind: "apply",
    plan,
    expected: { kind: "written" },
    then: (results) => {
      const failure = faultOf(ROLES.flatMap((role) => results[role]));
      return done(
        failure === undefined ? { kind: "written" } : { kind: "failed", failure },
      );
    },
    lost: () => step,
    giveUp: (why = "it was never sent") => ({ kind: "lost", why }),
  };
  return step;
}

/** The steps of one goal after those of another one. */
export function andThen<First, Second>(
  step: Step<First>,
  next: (outcome: First) => Step<Second>,
  giveUp: (outcome: First) => Second,
): Step<Second> {
  if (step.kind === "done") return next(step.outcome);
  const open = {
    doubt: () => step.doubt?.(),
    lost: () => andThen(step.lost(), next, giveUp),
    giveUp: (why: string | undefined) => giveUp(step.giveUp(why)),
  };
  switch (step.kind) {
    case "observe": {
      const { question, then } = step;
      return {
        ...open,
        kind: "observe",
        question,
        then: (observation) => andThen(then(observation), next, giveUp),
      };
    }
    case "load": {
      const { then } = step;
      return {
        ...open,
        kind: "load",
        then: (state) => andThen(then(state), next, giveUp),
      };
    }
    case "apply": {
      const { expected, plan, then } = step;
      return {
        ...open,
        kind: "apply",
        plan,
        expected: giveUp(expected),
        then: (...answer) => andThen(then(...answer), next, giveUp),
      };
    }
    default:
      return step satisfies never;
  }
}

/** The key is done. */
export function done<Outcome>(outcome: Outcome): Step<Outcome> {
  return { kind: "done", outcome };
}

/** Routes go with their device; a table that was never written to has no entry. */
const GONE: ReadonlySet<FailureKind> = new Set(["absent", "no-device", "no-table"]);

/** The first failure, except for deletions of what did not exist. */
export function faultOf(results: readonly OperationResult[]): Failure | undefined {
  for (const result of results) {
    if (!result.ok && !GONE.has(result.failure.kind)) return result.failure;
  }
  return undefined;
}

/** The first failure of any kind. */
export function failureOf(results: readonly OperationResult[]): Failure | undefined {
  for (const result of results) {
    if (!result.ok) return result.failure;
  }
  return undefined;
}
