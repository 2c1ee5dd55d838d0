import type { Errand } from "../kernel/door.ts";
import type { FailureKind } from "../kernel/failures.ts";
import type { Result } from "../kernel/session.ts";
import { decideRemove } from "../routes/decide.ts";
import { type FoundRoute, ourRoute, type Sight } from "../routes/found_route.ts";
import type { AbsentGoal, AbsentReached } from "./goal.ts";
import { readSight, type Seen } from "./look.ts";
import {
  AGAIN,
  CLOSER,
  createTask,
  type History,
  settled,
  type Step as AnyStep,
  type Task,
  type Verdict as AnyVerdict,
} from "./task.ts";

type Verdict = AnyVerdict<AbsentReached>;
type Step = AnyStep<AbsentReached>;

/** A task that leaves no route of the goal's owners for its destination. */
export function absentTask(
  goal: AbsentGoal,
  settle: (reached: AbsentReached) => void,
): Task {
  const { destination, installed } = goal;
  return createTask<AbsentReached>({
    question: { destination, device: undefined },
    opening: installed === undefined
      ? undefined
      : remove(goal, [ourRoute(installed)], "best"),
    judge: (seen, history) => judge(goal, seen, history),
    settle,
  });
}

function judge(
  goal: AbsentGoal,
  { sight }: Seen,
  history: History,
): Verdict | Step {
  const decision = decideRemove(sight, goal.owners);
  switch (decision.kind) {
    case "look-closer":
      return CLOSER;
    case "absent":
      return goal.forget === undefined
        ? settled({ kind: history.wrote ? "removed" : "absent" })
        : remove(goal, [], sight.kind);
    case "remove":
      return remove(goal, decision.routes, sight.kind);
  }
}

function remove(
  goal: AbsentGoal,
  routes: readonly FoundRoute[],
  by: Sight["kind"],
): Step {
  const { cause, destination, forget, owners } = goal;
  const closer = by === "all";
  const memory: readonly Errand[] = forget === undefined
    ? []
    : [{ command: { kind: "forget", entry: forget }, cause }];
  const deletions = routes.map((route): Errand => ({
    command: { kind: "delete-route", route },
    cause,
  }));
  return {
    kind: "step",
    // The last look of the same exchange: a route with a worse metric may come to light.
    // Where one FIB look-up could not tell before, it could not tell now.
    errands: [
      ...memory,
      ...deletions,
      { command: { kind: closer ? "exact-routes" : "best-route", destination } },
    ],
    over: [],
    interpret: (results) => {
      const fault = results.slice(0, -1).find(isFault);
      if (fault !== undefined && !fault.ok) {
        return settled({ kind: "failed", failure: fault.failure });
      }
      const after = readSight(destination, closer, results.at(-1));
      if (after === undefined) return CLOSER;
      return decideRemove(after, owners).kind === "absent"
        ? settled({ kind: "removed" })
        : AGAIN;
    },
  };
}

/**
 * Routes go with their device: the last look tells whether this one did. A table that
 * nobody ever wrote to has no entry either.
 */
function isFault(result: Result): boolean {
  return !result.ok && !GONE.has(result.failure.kind);
}

const GONE: ReadonlySet<FailureKind> = new Set(["absent", "no-device", "no-table"]);
