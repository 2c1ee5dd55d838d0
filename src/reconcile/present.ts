import type { Cause } from "../dataplane/audit_log.ts";
import type { Errand } from "../dataplane/iproute2/adapter.ts";
import type { CommandResult } from "../dataplane/iproute2/batch_process.ts";
import { decideInstall, type InstallDecision } from "./decide.ts";
import { type FoundRoute, ourRoute } from "../routing/kernel_route.ts";
import type { PresentGoal, PresentReached } from "./goal.ts";
import type { Seen } from "./observe.ts";
import type { Snapshot } from "./kernel_cache.ts";
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
  snapshot: Snapshot,
  settle: (reached: PresentReached) => void,
): Task {
  const { installed, wanted } = goal;
  const { destination, device } = wanted;
  const link = snapshot.link(device);
  const clear = installed === undefined && snapshot.isClear(destination);
  const opening = clear && link !== undefined
    ? install(
      goal,
      snapshot,
      { ifindex: link.ifindex, how: "add", drop: [], over: [] },
    )
    : undefined;
  const moves = installed !== undefined && installed.device !== device;
  let walked = false;
  return createTask<PresentReached>({
    question: { destination, device },
    opening,
    judge: (seen, history) => {
      walked ||= seen.sight.kind === "all";
      return judge(goal, snapshot, seen, history);
    },
    settle: (reached) => {
      const alone = reached.kind === "added" || reached.kind === "unchanged";
      // An event may have told of another route since one look-up did not see it.
      if (walked && alone) snapshot.release(destination);
      if (reached.kind === "connected") snapshot.occupy(destination);
      settle(reached);
    },
  }, moves || snapshot.isOccupied(destination));
}

function judge(
  goal: PresentGoal,
  snapshot: Snapshot,
  { link, sight }: Seen,
  history: History,
): Verdict | Step {
  const decision = decideInstall(goal.wanted, link, sight);
  const master = link.kind === "present" ? link.master : undefined;
  switch (decision.kind) {
    case "look-closer":
      return CLOSER;
    case "connected":
      return decision.drop.length > 0 ? yielding(goal, decision.drop) : settled({
        kind: "connected",
        device: decision.device,
        wrote: history.wrote,
        remembered: history.remembered,
      });
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
      return install(goal, snapshot, decision);
  }
}

/** Takes ours away; the look after it confirms that the connected route is the best. */
function yielding({ cause }: PresentGoal, ours: readonly FoundRoute[]): Step {
  return {
    kind: "step",
    errands: deletions(ours, cause),
    over: [],
    interpret: (results) => firstFault(results, 0, 0) ?? CLOSER,
  };
}

function deletions(routes: readonly FoundRoute[], cause: Cause): readonly Errand[] {
  return routes.map((route) => ({ command: { kind: "delete-route", route }, cause }));
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
  snapshot: Snapshot,
  decision: Omit<Extract<InstallDecision, { kind: "install" }>, "kind">,
): Step {
  const { cause, wanted } = goal;
  const { drop, how, ifindex, over } = decision;
  const memory = memoryOf(goal);
  const write: readonly Errand[] = how === "keep"
    ? []
    : [{ command: { kind: `${how}-route`, ...wanted }, cause }];
  const drops = deletions(drop, cause);
  return {
    kind: "step",
    errands: [...memory, ...write, ...drops],
    over,
    interpret: (results, link) => {
      const verdict = firstFault(results, memory.length, write.length);
      if (verdict === AGAIN) snapshot.unlearn(wanted.device);
      const written = write.length > 0 && results[memory.length]?.ok === true;
      if (verdict?.kind === "settled" && written && !isKept(goal)) {
        return takingBack(goal, verdict);
      }
      if (verdict !== undefined) return verdict;
      // What was written goes through another device, which had the name before.
      if (link?.kind !== "present" || link.ifindex !== ifindex) return AGAIN;
      // A deletion is by owner, device and metric: of two routes alike in these the kernel
      // takes the first, which may be the one that was just written. So look once more.
      return drops.length > 0
        ? CLOSER
        : settled({ kind: "added", ifindex, over, master: link.master });
    },
  };
}

/** True if the route is wanted whatever comes of this: the ledger has it already. */
function isKept({ installed, wanted }: PresentGoal): boolean {
  return installed?.device === wanted.device;
}

/** What is refused is not wanted: the route goes that was written beside the fault. */
function takingBack({ cause, wanted }: PresentGoal, refusal: Verdict): Step {
  return {
    kind: "step",
    errands: deletions([ourRoute(wanted)], cause),
    over: [],
    interpret: () => refusal,
  };
}

function firstFault(
  results: readonly CommandResult[],
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
    const isGone = failure.kind === "absent" || failure.kind === "no-device";
    if (index >= memory + writes && isGone) continue;
    return settled({ kind: "failed", failure });
  }
  return undefined;
}
