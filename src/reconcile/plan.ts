/**
 * The plan of one destination: pure functions from the known state to the next step. A
 * step has the function that interprets its answer. These functions also handle the
 * roll-back, the dry run, a device with a new index and a lost `ip`.
 */
import type { Failure, Lost, Mutation } from "../dataplane/dataplane.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import { type KernelRoute, ourRoute } from "../routing/kernel_route.ts";
import type { Route } from "../routing/route.ts";
import type { RouteRecord, StateChange } from "../state/store.ts";
import {
  decideInstall,
  decideRemove,
  type InstallDecision,
  type Owners,
} from "./decide.ts";
import { type Observation, readBest } from "./observe.ts";
import type { AbsentOutcome, PresentOutcome } from "./outcome.ts";
import {
  isOk,
  merge,
  noteLost,
  noteWrites,
  NOTHING_DONE,
  type Progress,
  steadyFailure,
} from "./progress.ts";
import {
  type Apply,
  done,
  failureOf,
  faultOf,
  type Plan,
  type PlanResults,
  type Step,
} from "./step.ts";

/** The last observed state of the kernel. It only selects the cheaper observation. */
export interface Known {
  /** The device, if it exists, is up and has IPv4. */
  readonly link: { readonly ifindex: number } | undefined;
  /** True if no route of another owner is known for the destination. */
  readonly clear: boolean;
  /** True if another owner may have a route there, so that only a dump can show it. */
  readonly occupied: boolean;
}

/** The goal: the destination has exactly this route. */
export interface PresentGoal {
  readonly route: Route;
  /** Our route for the destination as the kernel confirmed it last. */
  readonly installed: Route | undefined;
  /** The record to write first; undefined if the store is known to have it. */
  readonly persist: RouteRecord | undefined;
  /** What undoes `persist` after a refusal; undefined: the route stays desired. */
  readonly undo: StateChange | undefined;
}

/** The goal: the destination has no route of these owners. */
export interface AbsentGoal {
  readonly destination: Ipv4Cidr;
  readonly owners: Owners;
  /** Our route as the kernel confirmed it last; undefined if there was none. */
  readonly installed: Route | undefined;
  /** The record to delete; undefined if there is none. */
  readonly erase: RouteRecord | undefined;
}

type Seen = Extract<Observation, { readonly kind: "seen" }>;
type PresentStep = Step<PresentOutcome>;
type AbsentStep = Step<AbsentOutcome>;

const CHANGING = "its routes change faster than they can be read";

/** The first step to make a desired route the only one for its destination. */
export function planPresent(goal: PresentGoal, known: Known): PresentStep {
  const { installed, route } = goal;
  if (installed === undefined && known.clear && known.link !== undefined) {
    // No observation first, because the kernel refuses an addition if there is a route,
    // or if the device cannot carry it.
    const { ifindex } = known.link;
    const decision = {
      kind: "install",
      ifindex,
      how: "add",
      drop: [],
      over: [],
    } as const;
    return install(goal, NOTHING_DONE, decision, { seen: undefined, walk: false });
  }
  const moves = installed !== undefined && installed.device !== route.device;
  return observePresent(goal, NOTHING_DONE, moves || known.occupied);
}

/**
 * The first step to leave no route of the goal's owners for its destination.
 *
 * A FIB look-up skips a throw route, a route with a TOS, and a route whose device has no
 * carrier (sysctl ignore_routes_with_linkdown). So it proves that there is no route only if
 * no route of another owner is known. Until the first resync, a second after the start, the
 * table is dumped, which takes 0.05 s with 100,000 routes.
 */
export function planAbsent(goal: AbsentGoal, known: Pick<Known, "clear">): AbsentStep {
  const walk = !known.clear;
  return goal.installed === undefined
    ? observeAbsent(goal, NOTHING_DONE, walk)
    : remove(goal, NOTHING_DONE, [ourRoute(goal.installed)], { seen: undefined, walk });
}

// A desired route.

function observePresent(
  goal: PresentGoal,
  progress: Progress,
  walk: boolean,
): PresentStep {
  const step: PresentStep = {
    kind: "observe",
    question: { destination: goal.route.destination, walk },
    then: (observation) => {
      switch (observation.kind) {
        case "unclear":
          return observePresent(goal, progress, true);
        case "failed":
          return refuse(goal, progress, observation);
        case "seen":
          return decidePresent(goal, progress, { seen: observation, walk });
        default:
          return observation satisfies never;
      }
    },
    lost: () => step,
    giveUp: lost,
  };
  return step;
}

/** The facts that a plan was chosen by. */
interface Basis {
  readonly seen: Seen | undefined;
  readonly walk: boolean;
}

function decidePresent(
  goal: PresentGoal,
  progress: Progress,
  basis: Basis & { readonly seen: Seen },
): PresentStep {
  const { link, routes } = basis.seen;
  const decision = decideInstall(goal.route, link, routes);
  switch (decision.kind) {
    case "unclear":
      return observePresent(goal, progress, true);
    case "connected":
      return decision.drop.length > 0
        ? withdraw(goal, progress, decision)
        : refuse(goal, progress, {
          kind: "connected",
          device: decision.device,
          withdrew: progress.wrote,
        });
    case "pending":
      return persistOnly(goal, progress, decision, basis);
    case "unchanged": {
      const { ifindex } = decision;
      const outcome: PresentOutcome = progress.wrote
        ? { kind: "added", ifindex, replaced: progress.replaced }
        : { kind: "unchanged", ifindex };
      return persistOnly(goal, progress, outcome, basis);
    }
    case "install":
      return install(goal, progress, decision, basis);
    default:
      return decision satisfies never;
  }
}

function install(
  goal: PresentGoal,
  progress: Progress,
  decision: Extract<InstallDecision, { readonly kind: "install" }>,
  basis: Basis,
): PresentStep {
  const { drop, how, ifindex, over } = decision;
  const { persist, route } = goal;
  const plan: Plan = {
    persist: persist === undefined ? [] : [{ kind: "put", record: persist }],
    program: how === "keep" ? [] : [{ kind: `${how}-route`, route }],
    cleanUp: drop.map(deletion),
  };
  const replaced = merge(progress.replaced, over);
  return {
    kind: "apply",
    plan,
    expected: { kind: "added", ifindex, replaced },
    then: (results, link) => {
      const after = noteWrites(progress, results, over);
      const fault = installFault(results);
      if (fault.kind === "failed") return refuse(goal, after, fault);
      if (fault.kind === "retry") {
        return retryPresent(goal, after, results, {
          ...basis,
          walk: basis.walk || fault.walk,
        });
      }
      // The written route leads through another device, which had the name before.
      if (link?.kind !== "present" || link.ifindex !== ifindex) {
        return observePresent(goal, after, basis.walk);
      }
      // A deletion selects by owner, device and metric. If two routes match, the kernel
      // deletes the first, which may be the one that was just written. So observe again.
      if (drop.length > 0) {
        return retryPresent(goal, after, results, { ...basis, walk: true });
      }
      return done({
        kind: "added",
        ifindex,
        replaced: after.replaced,
      });
    },
    lost: () => observePresent(goal, noteLost(progress, plan, over), basis.walk),
    giveUp: lost,
  };
}

type InstallFault =
  | { readonly kind: "none" }
  /** Another process was faster, or a device went away since the observation. */
  | { readonly kind: "retry"; readonly walk: boolean }
  | { readonly kind: "failed"; readonly failure: Failure };

function installFault({ cleanUp, persist, program }: PlanResults): InstallFault {
  const refused = failureOf(persist);
  if (refused !== undefined) return { kind: "failed", failure: refused };
  const failure = failureOf(program);
  switch (failure?.kind) {
    case "exists":
      return { kind: "retry", walk: true };
    case "no-device":
    case "link-down":
      return { kind: "retry", walk: false };
    default: {
      const fault = failure ?? faultOf(cleanUp);
      return fault === undefined
        ? { kind: "none" }
        : { kind: "failed", failure: fault };
    }
  }
}

function retryPresent(
  goal: PresentGoal,
  progress: Progress,
  results: PlanResults,
  { seen, walk }: Basis,
): PresentStep {
  const { failure, setbacks } = steadyFailure(progress, seen, results);
  return failure === undefined
    ? observePresent(goal, { ...progress, setbacks }, walk)
    : refuse(goal, progress, { kind: "failed", failure });
}

/** Writes the record if that is needed, and ends with the outcome. */
function persistOnly(
  goal: PresentGoal,
  progress: Progress,
  outcome: PresentOutcome,
  { walk }: Basis,
): PresentStep {
  if (goal.persist === undefined) return done(outcome);
  const plan: Plan = { persist: [{ kind: "put", record: goal.persist }] };
  return {
    kind: "apply",
    plan,
    expected: outcome,
    then: (results) => {
      const failure = failureOf(results.persist);
      const after = noteWrites(progress, results, []);
      return failure === undefined
        ? done(outcome)
        : refuse(goal, after, { kind: "failed", failure });
    },
    lost: () => observePresent(goal, noteLost(progress, plan, []), walk),
    giveUp: lost,
  };
}

/** Deletes our route. The observation after it confirms that the connected one is best. */
function withdraw(
  goal: PresentGoal,
  progress: Progress,
  { device, drop }: Extract<InstallDecision, { readonly kind: "connected" }>,
): PresentStep {
  const plan: Plan = { cleanUp: drop.map(deletion) };
  return {
    kind: "apply",
    plan,
    expected: { kind: "connected", device, withdrew: true, rollBack: "not-needed" },
    then: (results) => {
      const failure = faultOf(results.cleanUp);
      if (failure !== undefined) {
        return refuse(goal, progress, { kind: "failed", failure });
      }
      const after = noteWrites(progress, results, []);
      return observePresent(goal, { ...after, programmed: false }, true);
    },
    lost: () => observePresent(goal, noteLost(progress, plan, []), true),
    giveUp: lost,
  };
}

type Refusal =
  | { readonly kind: "failed"; readonly failure: Failure }
  | {
    readonly kind: "connected";
    readonly device: InterfaceName | undefined;
    readonly withdrew: boolean;
  };

/** The call failed: rolls back what the earlier steps wrote, then ends. */
function refuse(
  { installed, route, undo }: PresentGoal,
  { persisted, programmed }: Progress,
  refusal: Refusal,
): PresentStep {
  const stays = installed?.device === route.device;
  const rollBack = [
    ...programmed && !stays ? [deletion(ourRoute(route))] : [],
    ...persisted && undo !== undefined ? [undo] : [],
  ];
  if (rollBack.length === 0) return done({ ...refusal, rollBack: "not-needed" });
  const unconfirmed: PresentOutcome = { ...refusal, rollBack: "unconfirmed" };
  const step: Apply<PresentOutcome> = {
    kind: "apply",
    plan: { rollBack },
    expected: { ...refusal, rollBack: "done" },
    then: (results) =>
      done(
        faultOf(results.rollBack) === undefined
          ? { ...refusal, rollBack: "done" }
          : unconfirmed,
      ),
    lost: () => step,
    giveUp: () => unconfirmed,
  };
  return step;
}

// A destination without a desired route.

function observeAbsent(
  goal: AbsentGoal,
  progress: Progress,
  walk: boolean,
): AbsentStep {
  const step: AbsentStep = {
    kind: "observe",
    question: { destination: goal.destination, walk },
    then: (observation) => {
      switch (observation.kind) {
        case "unclear":
          return observeAbsent(goal, progress, true);
        case "failed":
          return done({ kind: "failed", failure: observation.failure });
        case "seen":
          return decideAbsent(goal, progress, { seen: observation, walk });
        default:
          return observation satisfies never;
      }
    },
    lost: () => step,
    giveUp: lost,
  };
  return step;
}

function decideAbsent(
  goal: AbsentGoal,
  progress: Progress,
  basis: Basis & { readonly seen: Seen },
): AbsentStep {
  const { routes } = basis.seen;
  const decision = decideRemove(routes, goal.owners);
  const walked = { ...basis, walk: routes.kind === "all" };
  switch (decision.kind) {
    case "unclear":
      return observeAbsent(goal, progress, true);
    case "absent":
      return goal.erase === undefined
        ? done({ kind: progress.wrote ? "removed" : "absent" })
        : remove(goal, progress, [], walked);
    case "remove":
      return remove(
        goal,
        progress,
        progress.tried ? decision.routes.map(ofAnyDevice) : decision.routes,
        walked,
      );
    default:
      return decision satisfies never;
  }
}

/**
 * Selects by the owner alone after a deletion had no effect: an `ip` that has seen two
 * devices with one name may look for the route on the wrong one.
 */
function ofAnyDevice(route: KernelRoute): KernelRoute {
  return { ...route, device: undefined };
}

/**
 * Deletes the record and routes. If the table was dumped, it is dumped again; otherwise a
 * look-up in the same batch shows whether a route with a worse metric is left.
 */
function remove(
  goal: AbsentGoal,
  progress: Progress,
  routes: readonly KernelRoute[],
  { seen, walk }: Basis,
): AbsentStep {
  const { destination, erase, owners } = goal;
  const plan: Plan = {
    persist: erase === undefined ? [] : [{ kind: "delete", record: erase }],
    cleanUp: routes.map(deletion),
    verify: walk ? [] : [{ kind: "best-route", destination }],
  };
  return {
    kind: "apply",
    plan,
    expected: { kind: "removed" },
    then: (results, _link, rulesMayHide) => {
      // The kernel deletes routes with their device: the verification shows whether it did.
      const failure = faultOf([...results.persist, ...results.cleanUp]);
      if (failure !== undefined) return done({ kind: "failed", failure });
      const erased: AbsentGoal = { ...goal, erase: undefined };
      const noted = noteWrites(progress, results, []);
      const after = { ...noted, wrote: noted.wrote || results.persist.some(isOk) };
      if (walk) {
        return routes.length === 0
          ? done({ kind: "removed" })
          : retryAbsent(erased, after, results, { seen, walk });
      }
      const left = readBest(destination, results.verify[0], rulesMayHide);
      if (left === undefined) return observeAbsent(erased, after, true);
      if (decideRemove(left, owners).kind === "absent") {
        return done({ kind: "removed" });
      }
      // There may be more than two: a dump finds all of them at once, a look-up only one.
      return retryAbsent(erased, after, results, { seen, walk: true });
    },
    lost: () => {
      const noted = noteLost(progress, plan, []);
      return observeAbsent(goal, { ...noted, wrote: true }, walk);
    },
    giveUp: lost,
  };
}

function retryAbsent(
  goal: AbsentGoal,
  progress: Progress,
  results: PlanResults,
  { seen, walk }: Basis,
): AbsentStep {
  const { failure, setbacks } = steadyFailure(progress, seen, results);
  return failure === undefined
    ? observeAbsent(goal, { ...progress, setbacks }, walk)
    : done({ kind: "failed", failure });
}

// What both share.

function deletion(route: KernelRoute): Mutation {
  return { kind: "delete-route", route };
}

function lost(why = CHANGING): Lost {
  return { kind: "lost", why };
}
