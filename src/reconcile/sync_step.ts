import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Cause } from "../dataplane/dataplane.ts";
import type { RouteOutcome } from "./route_table.ts";
import type { Route } from "../routing/route.ts";
import { destinationOf, type PlannedStep } from "../routing/difference.ts";
import {
  describeOvertaken,
  describeOwnSubnet,
  describeReplaced,
} from "../routing/messages.ts";
import { absentTask } from "./absent.ts";
import { type Amends, amendsFor } from "./roll_back.ts";
import { forecastTask } from "./forecast.ts";
import {
  type AbsentReached,
  NEVER_SETTLED,
  type PresentGoal,
  type PresentReached,
} from "./goal.ts";
import { presentTask } from "./present.ts";
import { describeTrouble } from "./refusal.ts";
import type { RouteParts } from "./route_parts.ts";
import {
  describeStanding,
  keepAsked,
  keepUnwanted,
  standingOf,
} from "./route_status.ts";
import type { Task } from "./task.ts";

/** What a step of a sync works with. */
export interface StepParts extends Pick<RouteParts, "ledger" | "snapshot" | "touch"> {
  /** Look and decide, and write nothing. */
  readonly dryRun: boolean;
  readonly cause: Cause;
}

/** What became of a step; `changed`: something is wanted or installed otherwise now. */
export interface StepResult {
  readonly outcome: RouteOutcome;
  readonly changed: boolean;
}

/** A step on its way. */
export interface StepUnderWay {
  /** The kernel's part; undefined if there is nothing to ask it. */
  readonly task: Task | undefined;
  /** What is still to be written when the task is settled. */
  amends(): Amends | undefined;
  /** Keeps what was reached, and says it. */
  conclude(): StepResult;
}

/** Begins with what was planned for a destination. */
export function beginStep(step: PlannedStep, parts: StepParts): StepUnderWay {
  switch (step.kind) {
    case "own-subnet": {
      const { destination } = step.route;
      const detail = describeOwnSubnet(destination);
      return atOnce(() => unchanged({ destination, kind: "refused", detail }));
    }
    case "want":
      return want(parts.ledger.presentGoal(step.route, parts.cause), parts);
    case "remove":
      return remove(step.destination, parts);
  }
}

/** What is left of a step after a caller spoke about its destination meanwhile. */
export function overtakenStep(step: PlannedStep, { ledger }: StepParts): StepUnderWay {
  const destination = destinationOf(step);
  const wish = ledger.isLeaving(destination) ? undefined : ledger.get(destination);
  const device = step.kind === "remove" ? undefined : step.route.device;
  if (wish?.route.device !== device) {
    const detail = describeOvertaken(destination);
    return atOnce(() => unchanged({ destination, kind: "refused", detail }));
  }
  if (wish === undefined) {
    return atOnce(() => unchanged({ destination, kind: "removed", detail: "" }));
  }
  const detail = describeStanding(wish.route, wish.standing);
  const kind = detail === "" ? "unchanged" : "pending";
  return atOnce(() => unchanged({ destination, kind, detail }));
}

function want(goal: PresentGoal, parts: StepParts): StepUnderWay {
  const { dryRun, ledger, snapshot } = parts;
  const { wanted } = goal;
  let reached: PresentReached = NEVER_SETTLED;
  const settle = (end: PresentReached): void => void (reached = end);
  if (dryRun) {
    return {
      task: forecastTask(wanted, snapshot, settle),
      amends: () => undefined,
      conclude: () => unchanged(outcomeOf(wanted, reached)),
    };
  }
  const before = ledger.get(wanted.destination);
  return {
    task: presentTask(goal, snapshot, settle),
    amends: () => amendsFor(ledger, goal, reached),
    conclude: () => {
      keepAsked(parts, wanted, reached);
      const waited = before?.standing.kind === "waiting" &&
        before.route.device === wanted.device;
      const changed = reached.kind === "added" ||
        reached.kind === "pending" && !waited;
      return { outcome: outcomeOf(wanted, reached), changed };
    },
  };
}

function remove(destination: Ipv4Cidr, parts: StepParts): StepUnderWay {
  const { cause, dryRun, ledger, snapshot } = parts;
  const removed: RouteOutcome = { destination, kind: "removed", detail: "" };
  if (dryRun) return atOnce(() => unchanged(removed));
  let reached: AbsentReached = NEVER_SETTLED;
  const goal = ledger.absentGoal(destination, "ours", cause);
  return {
    task: absentTask(goal, snapshot, (end) => reached = end),
    amends: () => undefined,
    conclude: () => {
      keepUnwanted(parts, destination, goal.owners, reached);
      if (reached.kind === "removed" || reached.kind === "absent") {
        return { outcome: removed, changed: true };
      }
      const detail = describeTrouble(destination, reached);
      return unchanged({ destination, kind: "refused", detail });
    },
  };
}

function outcomeOf(wanted: Route, reached: PresentReached): RouteOutcome {
  const { destination, device } = wanted;
  switch (reached.kind) {
    case "added": {
      const detail = reached.over.map((route) => describeReplaced(route, device));
      return { destination, kind: "added", detail: detail.join("; ") };
    }
    case "unchanged":
      return { destination, kind: "unchanged", detail: "" };
    case "pending":
    case "connected":
    case "failed":
    case "lost": {
      const kind = reached.kind === "pending" ? "pending" : "refused";
      const detail = describeStanding(wanted, standingOf(wanted, reached));
      return { destination, kind, detail };
    }
  }
}

function unchanged(outcome: RouteOutcome): StepResult {
  return { outcome, changed: false };
}

function atOnce(conclude: () => StepResult): StepUnderWay {
  return { task: undefined, amends: () => undefined, conclude };
}
