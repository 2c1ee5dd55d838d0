import type { Errand } from "../kernel/door.ts";
import type { Result } from "../kernel/session.ts";
import { decideInstall, type InstallDecision } from "../routes/decide.ts";
import type { InterfaceName } from "../routes/interface_name.ts";
import type { PresentGoal, PresentReached } from "./goal.ts";
import type { Seen } from "./look.ts";
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

type Verdict = AnyVerdict<PresentReached>;
type Step = AnyStep<PresentReached>;

/** A task that makes a wanted route the only one for its destination. */
export function presentTask(
  goal: PresentGoal,
  settle: (reached: PresentReached) => void,
): Task {
  return createTask<PresentReached>(
    goal.wanted,
    (seen, history) => judge(goal, seen, history),
    settle,
  );
}

function judge(
  goal: PresentGoal,
  { link, sight }: Seen,
  history: History,
): Verdict | Step {
  const decision = decideInstall(goal.wanted, link, sight);
  const master = link.kind === "present" ? link.master : undefined;
  switch (decision.kind) {
    case "look-closer":
      return CLOSER;
    case "connected":
      return settled(decision);
    case "pending":
      return remembering(goal, settled(decision));
    case "unchanged": {
      const { ifindex } = decision;
      const reached = history.wrote
        ? { kind: "added", ifindex, over: history.over, master } as const
        : { kind: "unchanged", ifindex, master } as const;
      return remembering(goal, settled(reached));
    }
    case "install":
      return install(goal, decision, master);
  }
}

/** The memory comes first: an acknowledged route is one that a restart will find. */
function memoryOf(goal: PresentGoal): readonly Errand[] {
  if (goal.remember === undefined) return [];
  return [{ command: { kind: "remember", entry: goal.remember }, cause: goal.cause }];
}

function remembering(goal: PresentGoal, verdict: Verdict): Verdict | Step {
  const errands = memoryOf(goal);
  if (errands.length === 0) return verdict;
  return {
    kind: "step",
    errands,
    over: [],
    interpret: ([result]) =>
      result === undefined || result.ok
        ? verdict
        : settled({ kind: "failed", failure: result.failure }),
  };
}

function install(
  goal: PresentGoal,
  decision: Extract<InstallDecision, { kind: "install" }>,
  master: InterfaceName | undefined,
): Step {
  const { cause, wanted } = goal;
  const { drop, how, ifindex, over } = decision;
  const memory = memoryOf(goal);
  const write: readonly Errand[] = how === "keep"
    ? []
    : [{ command: { kind: `${how}-route`, ...wanted }, cause }];
  const drops = drop.map((route): Errand => ({
    command: { kind: "delete-route", route },
    cause,
  }));
  return {
    kind: "step",
    errands: [...memory, ...write, ...drops],
    over,
    interpret: (results) =>
      firstFault(results, memory.length, write.length) ??
        settled({ kind: "added", ifindex, over, master }),
  };
}

function firstFault(
  results: readonly Result[],
  memory: number,
  writes: number,
): Verdict | undefined {
  for (const [index, result] of results.entries()) {
    if (result.ok) continue;
    const { failure } = result;
    const isWrite = index >= memory && index < memory + writes;
    // Somebody was faster; a device went away between the look and the write.
    if (isWrite && failure.kind === "exists") return CLOSER;
    if (isWrite && (failure.kind === "no-device" || failure.kind === "link-down")) {
      return AGAIN;
    }
    if (index >= memory + writes && failure.kind === "absent") continue;
    return settled({ kind: "failed", failure });
  }
  return undefined;
}
