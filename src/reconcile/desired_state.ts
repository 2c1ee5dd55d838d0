/**
 * What is desired, as far as this process knows: a copy, of which the state store has the
 * original. What the kernel confirmed is committed here, and only here.
 */
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { RouteState } from "../observability/instruments.ts";
import type { Route } from "../routing/route.ts";
import type { TraceParent } from "../shared/trace_parent.ts";
import type { RouteRecord } from "../state/store.ts";
import type { Owners } from "./decide.ts";
import {
  type AbsentOutcome,
  INSTALLED,
  isGone,
  type PresentOutcome,
  type RollBack,
  type RouteStatus,
  statusOf,
} from "./outcome.ts";
import type { AbsentGoal, PresentGoal } from "./plan.ts";

/** A route that a client asked for, and its status. */
export interface DesiredRoute {
  readonly route: Route;
  /** True once the kernel confirmed its record in the state store. */
  readonly persisted: boolean;
  readonly status: RouteStatus;
}

/** The destinations that calls committed while a SyncRoutes runs. */
export interface NewerChanges extends Disposable {
  has(destination: Ipv4Cidr): boolean;
}

/** True if a repair has to finish what a call could not. */
type NeedsRepair = boolean;

/** The desired routes, and the deletions that are still to be done. */
export class DesiredState {
  readonly #routes = new Map<Ipv4Cidr, DesiredRoute>();
  readonly #pendingDeletions = new Map<Ipv4Cidr, Owners>();
  /**
   * Routes that the agent has not asked for since its last start: `old` once a resync
   * found them so.
   */
  readonly #stale = new Map<Ipv4Cidr, "fresh" | "old">();
  /** Only while calls are traced. */
  readonly #askedBy = new Map<Ipv4Cidr, TraceParent>();
  readonly #onChange: (destination: Ipv4Cidr) => void;
  readonly #counts = { installed: 0, waiting: 0, error: 0, unverified: 0 };
  #newer: Set<Ipv4Cidr> | undefined;
  /** The subnet that this node hands out itself; no route to it is ever desired. */
  ownSubnet: Ipv4Cidr | undefined;

  /** @param onChange called with each destination whose route may have changed */
  constructor(onChange: (destination: Ipv4Cidr) => void = () => {}) {
    this.#onChange = onChange;
  }

  get(destination: Ipv4Cidr): DesiredRoute | undefined {
    return this.#routes.get(destination);
  }

  /** The span of the call that asked for the route last, if calls are traced. */
  askedBy(destination: Ipv4Cidr): TraceParent | undefined {
    return this.#askedBy.get(destination);
  }

  /** In the order in which they were asked for. */
  routes(): readonly DesiredRoute[] {
    return [...this.#routes.values()];
  }

  /** How many routes there are in each state, without those that are to be deleted. */
  get counts(): Readonly<Record<RouteState, number>> {
    return { ...this.#counts };
  }

  put(desired: DesiredRoute): void {
    const { destination } = desired.route;
    this.#recount(destination, () => {
      this.#pendingDeletions.delete(destination);
      this.#routes.set(destination, desired);
    });
    this.#onChange(destination);
  }

  /** The kernel confirmed that nothing is left of what was desired. */
  delete(destination: Ipv4Cidr): void {
    const isDesired = this.#routes.has(destination);
    this.#recount(destination, () => {
      this.#pendingDeletions.delete(destination);
      this.#routes.delete(destination);
    });
    this.#stale.delete(destination);
    this.#askedBy.delete(destination);
    if (isDesired) this.#onChange(destination);
  }

  /**
   * The destination is no longer desired, but whether its routes of these owners, or its
   * record, are gone is not known.
   */
  markForDeletion(destination: Ipv4Cidr, owners: Owners): void {
    this.markNotPersisted(destination);
    this.#recount(
      destination,
      () => this.#pendingDeletions.set(destination, owners),
    );
    this.#onChange(destination);
  }

  /** The store no longer has the record; the route stays desired. */
  markNotPersisted(destination: Ipv4Cidr): void {
    const desired = this.#routes.get(destination);
    if (desired !== undefined) {
      this.#routes.set(destination, { ...desired, persisted: false });
    }
  }

  /** True for a deletion that is still to be done. */
  isPendingDeletion(destination: Ipv4Cidr): boolean {
    return this.#pendingDeletions.has(destination);
  }

  /** Destinations that may still have something of what is no longer desired. */
  pendingDeletions(): Iterable<Ipv4Cidr> {
    return this.#pendingDeletions.keys();
  }

  /** The agent asks for the destination. */
  claim(destination: Ipv4Cidr): void {
    if (this.#stale.delete(destination)) this.#onChange(destination);
  }

  /** The agent has started anew: what it does not ask for again may be of the past. */
  markAllStale(): void {
    for (const destination of this.#routes.keys()) {
      if (this.#stale.has(destination)) continue;
      this.#stale.set(destination, "fresh");
      this.#onChange(destination);
    }
  }

  /** The agent had not asked for it since its start, as an earlier process recorded. */
  markStale(destination: Ipv4Cidr): void {
    this.#stale.set(destination, "old");
    this.#onChange(destination);
  }

  /** A resync has passed: an agent that has just started has asked for all by now. */
  ageStale(): void {
    for (const destination of this.#stale.keys()) this.#stale.set(destination, "old");
  }

  /** True if the agent has asked for it since its last start. */
  isClaimed(destination: Ipv4Cidr): boolean {
    return !this.#stale.has(destination);
  }

  /**
   * What the record of a route has to say; undefined if what it says will do for now: a
   * moment after the agent's start all routes are stale, and no call writes for that.
   */
  claimToPersist(destination: Ipv4Cidr): boolean | undefined {
    const age = this.#stale.get(destination);
    return age === "fresh" ? undefined : age === undefined;
  }

  /** Follows what calls commit from now on, until it is disposed. */
  trackNewer(): NewerChanges {
    const newer = this.#newer = new Set<Ipv4Cidr>();
    return {
      has: (destination) => newer.has(destination),
      [Symbol.dispose]: () => void (this.#newer = undefined),
    };
  }

  /** What makes a route the only one for its destination, because a call asks for it. */
  presentGoal(route: Route): PresentGoal {
    const before = this.#routes.get(route.destination);
    const record: RouteRecord = { kind: "route", route, claimed: true };
    const isPersisted = before?.persisted === true &&
      before.route.device === route.device;
    return {
      route,
      installed: before?.status.kind === "installed" ? before.route : undefined,
      persist: isPersisted ? undefined : record,
      undo: before === undefined
        ? { kind: "delete", record }
        : { kind: "put", record: this.#recordOf(before) },
    };
  }

  /** What removes the routes of these owners from a destination. */
  absentGoal(destination: Ipv4Cidr, owners: Owners): AbsentGoal {
    const desired = this.#routes.get(destination);
    return {
      destination,
      owners,
      installed: desired?.status.kind === "installed" ? desired.route : undefined,
      erase: desired === undefined ? undefined : this.#recordOf(desired),
    };
  }

  /**
   * What a repair of the destination has to reach; undefined if nothing is desired of it.
   * It observes first: a repair is for what is not as it is here.
   */
  repairGoal(
    destination: Ipv4Cidr,
  ):
    | {
      readonly kind: "present";
      readonly before: DesiredRoute;
      readonly goal: PresentGoal;
    }
    | { readonly kind: "absent"; readonly goal: AbsentGoal }
    | undefined {
    const owners = this.#pendingDeletions.get(destination);
    if (owners !== undefined) {
      const goal = this.absentGoal(destination, owners);
      return { kind: "absent", goal: { ...goal, installed: undefined } };
    }
    const before = this.#routes.get(destination);
    if (before === undefined) return undefined;
    const { persisted, route } = before;
    const persist = persisted ? undefined : this.#recordOf(before);
    const goal = { route, installed: route, persist, undo: undefined };
    return { kind: "present", before, goal };
  }

  /**
   * A call asked for a route: of refusals only what may pass is kept.
   *
   * @param trace the call's span, if calls are traced
   */
  commitPresent(
    route: Route,
    outcome: PresentOutcome,
    trace?: TraceParent,
  ): NeedsRepair {
    const needsRepair = this.#commitPresent(route, outcome);
    const { destination } = route;
    if (trace !== undefined && this.#routes.has(destination)) {
      this.#askedBy.set(destination, trace);
    }
    return needsRepair;
  }

  #commitPresent(route: Route, outcome: PresentOutcome): NeedsRepair {
    const { destination } = route;
    const status = statusOf(route, outcome);
    this.claim(destination);
    switch (outcome.kind) {
      case "added":
      case "unchanged":
      case "pending":
        this.put({ route, persisted: true, status });
        this.#newer?.add(destination);
        return false;
      case "lost":
        // The agent never asks twice: the repair finishes what may be half done.
        this.put({ route, persisted: false, status });
        this.#newer?.add(destination);
        return true;
      case "connected":
      case "failed":
        return this.#commitRefusal(
          { route, persisted: false, status },
          outcome.rollBack,
        );
      default:
        return outcome satisfies never;
    }
  }

  /** A call asked for no route. */
  commitAbsent(
    destination: Ipv4Cidr,
    owners: Owners,
    outcome: AbsentOutcome,
  ): NeedsRepair {
    switch (outcome.kind) {
      case "removed":
      case "absent":
        this.delete(destination);
        this.#newer?.add(destination);
        return false;
      case "lost":
        this.markForDeletion(destination, owners);
        this.#newer?.add(destination);
        return true;
      case "failed":
        return false;
      default:
        return outcome satisfies never;
    }
  }

  /** A repair reached this of a desired route. */
  commitRepair({ persisted, route }: DesiredRoute, outcome: PresentOutcome): void {
    const written = outcome.kind === "added" || outcome.kind === "unchanged" ||
      outcome.kind === "pending";
    const status = statusOf(route, outcome);
    this.put({ route, persisted: persisted || written, status });
  }

  /** A repair reached this of a pending deletion. */
  commitDeletion(destination: Ipv4Cidr, outcome: AbsentOutcome): void {
    // What was rejected and is none of ours must not be deleted on a later day.
    const isDropped = outcome.kind === "failed" && !this.#routes.has(destination);
    if (isGone(outcome) || isDropped) this.delete(destination);
  }

  /** Restores a route at the start. */
  restore(record: RouteRecord, isInstalled: boolean): void {
    const { claimed, route } = record;
    const status: RouteStatus = isInstalled ? INSTALLED : { kind: "unverified" };
    this.put({ route, persisted: true, status });
    if (!claimed) this.markStale(route.destination);
  }

  /** What was desired before a refused call may have gone with the roll-back. */
  #commitRefusal(rejected: DesiredRoute, rollBack: RollBack): NeedsRepair {
    switch (rollBack) {
      case "not-needed":
        return false;
      case "done":
        return this.#routes.has(rejected.route.destination);
      case "unconfirmed":
        this.#markRejected(rejected);
        return true;
      default:
        return rollBack satisfies never;
    }
  }

  /** It was refused, but whether what had been written of it is gone is not known. */
  #markRejected(rejected: DesiredRoute): void {
    const { destination } = rejected.route;
    // A record left in the store would be a desired route at the next start.
    if (this.#routes.has(destination)) return this.markNotPersisted(destination);
    this.#pendingDeletions.set(destination, "ours");
    this.#routes.set(destination, rejected);
  }

  /** Changes what there is of a destination, and the counts with it. */
  #recount(destination: Ipv4Cidr, change: () => void): void {
    const before = this.#stateOf(destination);
    if (before !== undefined) this.#counts[before] -= 1;
    change();
    const after = this.#stateOf(destination);
    if (after !== undefined) this.#counts[after] += 1;
  }

  #stateOf(destination: Ipv4Cidr): RouteState | undefined {
    if (this.#pendingDeletions.has(destination)) return undefined;
    return this.#routes.get(destination)?.status.kind;
  }

  #recordOf({ route }: DesiredRoute): RouteRecord {
    const claimed = this.claimToPersist(route.destination) ?? true;
    return { kind: "route", route, claimed };
  }
}
