import type { Errand } from "../dataplane/iproute2/adapter.ts";
import type { FailureKind } from "../dataplane/iproute2/errors.ts";
import type { CommandResult } from "../dataplane/iproute2/batch_process.ts";
import { decideRemove } from "./decide.ts";
import { type FoundRoute, ourRoute, type Sight } from "../routing/kernel_route.ts";
import type { AbsentGoal, AbsentReached } from "./goal.ts";
import { readBest } from "./observe.ts";
import type { Snapshot } from "./kernel_cache.ts";
import {
  AGAIN,
  CLOSER,
  createTask,
  settled,
  type Step as AnyStep,
  type Task,
} from "./task.ts";

type Step = AnyStep<AbsentReached>;

/**
 * A task that leaves no route of the goal's owners for its destination.
 *
 * One FIB look-up goes past a throw route, past one with a TOS, and past one whose device
 * has no carrier (sysctl ignore_routes_with_linkdown): it tells that nothing is there only
 * where no route of others is known. Until everything has been looked at once, a second
 * after the start, the table is walked: 0.05 s beside 100,000 routes.
 */
export function absentTask(
  goal: AbsentGoal,
  snapshot: Snapshot,
  settle: (reached: AbsentReached) => void,
): Task {
  const { destination, installed } = goal;
  const closer = !snapshot.isClear(destination);
  // Once the kernel has taken the entry away, only routes are left to see to.
  let { forget } = goal;
  const remove = (routes: readonly FoundRoute[], by: Sight["kind"]): Step =>
    removal({ ...goal, forget }, routes, by, snapshot, () => forget = undefined);
  return createTask<AbsentReached>({
    question: { destination, device: undefined },
    opening: installed === undefined
      ? undefined
      : remove([ourRoute(installed)], closer ? "all" : "best"),
    judge: ({ sight }, history) => {
      const isEmpty = sight.kind === "all" && sight.routes.length === 0;
      if (isEmpty) snapshot.release(destination);
      const decision = decideRemove(sight, goal.owners);
      switch (decision.kind) {
        case "look-closer":
          return CLOSER;
        case "absent":
          return forget === undefined
            ? settled({ kind: history.wrote ? "removed" : "absent" })
            : remove([], sight.kind);
        case "remove":
          return remove(
            history.tried ? decision.routes.map(ofAnyDevice) : decision.routes,
            sight.kind,
          );
      }
    },
    settle,
  }, closer);
}

/**
 * By its owner alone, once a deletion did not suffice: an `ip` that has met two devices by
 * one name may look for the route at the wrong one.
 */
function ofAnyDevice(route: FoundRoute): FoundRoute {
  return { ...route, device: undefined };
}

/** Takes the entry and routes away; `forgotten` is called when the entry is gone. */
function removal(
  { cause, destination, forget, owners }: AbsentGoal,
  routes: readonly FoundRoute[],
  by: Sight["kind"],
  snapshot: Snapshot,
  forgotten: () => void,
): Step {
  const memory: readonly Errand[] = forget === undefined
    ? []
    : [{ command: { kind: "forget", entry: forget }, cause }];
  const deletions = routes.map((route): Errand => ({
    command: { kind: "delete-route", route },
    cause,
  }));
  const writes = [...memory, ...deletions];
  return {
    kind: "step",
    // The last look of the same exchange: a route with a worse metric may come to light.
    // Where one FIB look-up could not tell before, it could not tell now: then the table
    // is walked in the next round, once for all destinations that need it.
    errands: by === "all"
      ? writes
      : [...writes, { command: { kind: "best-route", destination } }],
    over: [],
    interpret: (results) => {
      const fault = results.slice(0, writes.length).find(isFault);
      if (fault !== undefined && !fault.ok) {
        return settled({ kind: "failed", failure: fault.failure });
      }
      forgotten();
      if (by === "all") {
        return routes.length === 0 ? settled({ kind: "removed" }) : CLOSER;
      }
      const after = readBest(destination, results.at(-1), snapshot);
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
function isFault(result: CommandResult): boolean {
  return !result.ok && !GONE.has(result.failure.kind);
}

const GONE: ReadonlySet<FailureKind> = new Set(["absent", "no-device", "no-table"]);
