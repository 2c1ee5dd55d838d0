/**
 * The desired state of this process, a copy of the records in the state store. A change is
 * committed here, and only here, after the kernel confirmed it.
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

/** A route that a client requested, and its status. */
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
   * Routes that the agent has not requested since its last start; `old` after a resync
   * found them in this state.
   */
  readonly #stale = new Map<Ipv4Cidr, "fresh" | "old">();
  /** Only while calls are traced. */
  readonly #askedBy = new Map<Ipv4Cidr, TraceParent>();
  readonly #onChange: (destination: Ipv4Cidr) => void;
  readonly #counts = { installed: 0, waiting: 0, error: 0, unverified: 0 };
  #newer: Set<Ipv4Cidr> | undefined;
  /** This node's own subnet; no route to it is ever desired. */
  ownSubnet: Ipv4Cidr | undefined;

  /** @param onChange called with each destination whose route may have changed */
  constructor(onChange: (destination: Ipv4Cidr) => void = () => {}) {
    this.#onChange = onChange;
  }

  get(destination: Ipv4Cidr): DesiredRoute | undefined {
    return this.#routes.get(destination);
  }

  /** The span of the last call that requested the route, if calls are traced. */
  askedBy(destination: Ipv4Cidr): TraceParent | undefined {
    return this.#askedBy.get(destination);
  }

  /** In the order of their requests. */
  routes(): readonly DesiredRoute[] {
    return [...this.#routes.values()];
  }

  /** The number of routes in each state, without pending deletions. */
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

  /** The kernel confirmed that the route and its record are deleted. */
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
   * The destination is no longer desired, but it is not known whether its record and its
   * routes of these owners are deleted.
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

  /** Destinations that may still have a route or a record that is no longer desired. */
  pendingDeletions(): Iterable<Ipv4Cidr> {
    return this.#pendingDeletions.keys();
  }

  /** The agent requests the destination. */
  claim(destination: Ipv4Cidr): void {
    if (this.#stale.delete(destination)) this.#onChange(destination);
  }

  /** The agent has started again: routes that it does not request again are stale. */
  markAllStale(): void {
    for (const destination of this.#routes.keys()) {
      if (this.#stale.has(destination)) continue;
      this.#stale.set(destination, "fresh");
      this.#onChange(destination);
    }
  }

  /** An earlier process recorded that the agent had not requested it since its start. */
  markStale(destination: Ipv4Cidr): void {
    this.#stale.set(destination, "old");
    this.#onChange(destination);
  }

  /** After a resync: an agent that has just started has requested all its routes by now. */
  ageStale(): void {
    for (const destination of this.#stale.keys()) this.#stale.set(destination, "old");
  }

  /** True if the agent has requested it since its last start. */
  isClaimed(destination: Ipv4Cidr): boolean {
    return !this.#stale.has(destination);
  }

  /**
   * The new content of a route's record; undefined if the stored one need not change now. A
   * moment after the agent's start all routes are stale, and no call writes because of that.
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

  /** The step that makes a requested route the only one for its destination. */
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

  /** The step that removes the routes of these owners from a destination. */
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
   * The goal of a repair of the destination; undefined if nothing is desired for it. A repair
   * observes first, because the kernel probably differs from this state.
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
   * A call requested a route. After a refusal the route stays desired only if the reason
   * may pass.
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
        // The agent does not repeat a call, so a repair completes what may be half done.
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

  /** A call removed a route. */
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

  /** The outcome of a repair of a desired route. */
  commitRepair({ persisted, route }: DesiredRoute, outcome: PresentOutcome): void {
    const written = outcome.kind === "added" || outcome.kind === "unchanged" ||
      outcome.kind === "pending";
    const status = statusOf(route, outcome);
    this.put({ route, persisted: persisted || written, status });
  }

  /** The outcome of a repair of a pending deletion. */
  commitDeletion(destination: Ipv4Cidr, outcome: AbsentOutcome): void {
    // A rejected route of another owner must not be deleted later.
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

  /** The roll-back of a refused call may have deleted the route that was desired before. */
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

  /** It was refused, but it is not known whether the written part was rolled back. */
  #markRejected(rejected: DesiredRoute): void {
    const { destination } = rejected.route;
    // A record left in the store would be a desired route at the next start.
    if (this.#routes.has(destination)) return this.markNotPersisted(destination);
    this.#pendingDeletions.set(destination, "ours");
    this.#routes.set(destination, rejected);
  }

  /** Changes the entry of a destination, and the counts. */
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
