import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Cause, Dataplane } from "../dataplane/dataplane.ts";
import { absentTask } from "./absent.ts";
import { converge } from "./converge.ts";
import type { AbsentGoal, AbsentReached, PresentReached, Trouble } from "./goal.ts";
import type { DesiredRoute, Ledger } from "./desired_state.ts";
import { presentTask } from "./present.ts";
import type { Snapshot } from "./kernel_cache.ts";
import { standingOf } from "./route_status.ts";
import type { Task } from "./task.ts";

/** What became of something that was looked at again. */
export type Repair = RouteRepair | DeletionRepair | SubnetRepair;

export interface RouteRepair {
  readonly kind: "route";
  readonly destination: Ipv4Cidr;
  readonly before: DesiredRoute;
  readonly reached: PresentReached;
}

/** A destination that nobody wants any more. */
export interface DeletionRepair {
  readonly kind: "leaving";
  readonly destination: Ipv4Cidr;
  readonly reached: AbsentReached;
}

/** The node's subnet, whose entry was gone from table 142. */
export interface SubnetRepair {
  readonly kind: "subnet";
  readonly destination: Ipv4Cidr;
  readonly reached: { readonly kind: "remembered" } | Trouble;
}

/**
 * Makes the kernel agree with the ledger about these destinations: the one path for the
 * start, for repairs, and for intents whose device appears.
 */
export async function renew(
  dataplane: Dataplane,
  ledger: Ledger,
  snapshot: Snapshot,
  destinations: readonly Ipv4Cidr[],
  cause: Cause,
): Promise<readonly Repair[]> {
  const repairs: Repair[] = [];
  const tasks = destinations.flatMap((destination): readonly Task[] => {
    const owners = ledger.leavingOwners(destination);
    if (owners !== undefined) {
      return [leave(ledger, snapshot, { destination, owners, cause }, (reached) => {
        repairs.push({ kind: "leaving", destination, reached });
      })];
    }
    const before = ledger.get(destination);
    if (before === undefined) return [];
    const wanted = before.route;
    const remember = ledger.entryToRemember(wanted);
    // The look comes first: a repair is for what is not as the ledger has it.
    const goal = { wanted, installed: wanted, remember, cause };
    return [presentTask(goal, snapshot, (reached) => {
      ledger.put(renewed(before, reached));
      repairs.push({ kind: "route", destination, before, reached });
    })];
  });
  await converge(dataplane, snapshot, tasks);
  return repairs;
}

function leave(
  ledger: Ledger,
  snapshot: Snapshot,
  goal: Pick<AbsentGoal, "destination" | "owners" | "cause">,
  settle: (reached: AbsentReached) => void,
): Task {
  const { destination } = goal;
  const forget = ledger.entryToForget(destination);
  return absentTask({ ...goal, installed: undefined, forget }, snapshot, (reached) => {
    const gone = reached.kind === "removed" || reached.kind === "absent";
    // What was refused and is none of ours must not be taken away on a later day.
    const dropped = reached.kind === "failed" && ledger.get(destination) === undefined;
    if (gone || dropped) ledger.remove(destination);
    settle(reached);
  });
}

function renewed(before: DesiredRoute, reached: PresentReached): DesiredRoute {
  const { route } = before;
  const written = reached.kind === "added" || reached.kind === "unchanged" ||
    reached.kind === "pending";
  return {
    route,
    remembered: before.remembered || written,
    standing: standingOf(route, reached),
  };
}
