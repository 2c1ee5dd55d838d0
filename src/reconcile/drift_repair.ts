import {
  answerOf,
  type Cause,
  type Dataplane,
  type KernelEvent,
} from "../dataplane/dataplane.ts";
import { contains, type Ipv4Cidr, prefixLength } from "../ipam/cidr.ts";
import type { ClusterPolicy } from "../ipam/policy.ts";
import {
  type Instruments,
  NO_INSTRUMENTS,
  type RepairCause,
} from "../observability/instruments.ts";
import type { Logger } from "../observability/logger.ts";
import { OUR_PROTOCOL, TABLE_MAIN } from "../routing/kernel_route.ts";
import type { StateStore, StoredState } from "../state/store.ts";
import type { ActivityRecord } from "./activity.ts";
import { ContentionLog, LOSSES } from "./contention_log.ts";
import type { DesiredState } from "./desired_state.ts";
import { DirtySet, type Mark } from "./dirty_set.ts";
import { DriftLog } from "./drift_log.ts";
import type { KernelCache } from "./kernel_cache.ts";
import type { AbsentOutcome, PresentOutcome, WriteOutcome } from "./outcome.ts";
import { planAbsent, planPresent } from "./plan.ts";
import { type AnyKey, loopKey, type Reconciler } from "./reconciler.ts";
import type { RecordOwner } from "./record_owner.ts";
import type { Repair } from "./repair_messages.ts";
import { repairOutcomeOf } from "./repair_outcome.ts";
import { type StartedRepair, startRepair } from "./repair_span.ts";
import { missingRoutes, outdatedClaims, resync } from "./resync.ts";
import { ResyncLog } from "./resync_log.ts";
import { ResyncTimer } from "./resync_timer.ts";
import { type Plan, planWrite } from "./step.ts";
import type { WorkQueue } from "./work_queue.ts";
import {
  EARLY_RESYNC_MS,
  LONGEST_REST_MS,
  OWED_REST_MS,
  REST,
  SUBSCRIBED_MS,
} from "./limits.ts";

/** The dependencies of repairs. */
export interface DriftRepairParts {
  readonly dataplane: Dataplane;
  readonly store: StateStore;
  readonly reconciler: Reconciler;
  readonly desired: DesiredState;
  readonly cache: KernelCache;
  readonly queue: WorkQueue;
  readonly owner: RecordOwner;
  readonly activity: ActivityRecord;
  readonly logger: Logger;
  readonly policy: ClusterPolicy;
  /** Milliseconds between two resyncs. */
  readonly resyncMs: number;
  /** Called with the reason when resyncs keep failing, and when they succeed again. */
  readonly onResync?: (fault: string | undefined) => void;
  /** Called with each installed route that the kernel had lost, and has again. */
  readonly onReturn?: (destination: Ipv4Cidr) => void;
  /** Where repairs, contention and resyncs are counted. @default nowhere */
  readonly instruments?: RepairInstruments;
}

/** What repairs count. */
export type RepairInstruments = Pick<
  Instruments,
  "contentionBegan" | "driftConfirmed" | "repairEnded" | "resyncEnded"
>;

const REPAIR: Cause = { rpc: "repair", peer: "" };

/**
 * Level-triggered: events only mark keys as dirty, and the loop reconciles these keys with
 * the desired state.
 */
export class DriftRepair {
  readonly #parts: DriftRepairParts;
  readonly #dirty = new DirtySet();
  readonly #instruments: RepairInstruments;
  readonly #log: DriftLog;
  readonly #losses: ContentionLog<"ip monitor">;
  readonly #resyncs: ResyncTimer;
  readonly #resyncLog: ResyncLog;
  /** Records to write again, by their prefix. */
  readonly #missing = new Map<Ipv4Cidr, Plan>();
  /** Since when no event was lost; Infinity while the monitor is down. */
  #eventsSince = 0;
  /** The last time that a rule was added or deleted. */
  #rulesChanged = 0;
  #running = false;
  #restUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(parts: DriftRepairParts) {
    this.#parts = parts;
    const { desired, instruments = NO_INSTRUMENTS, logger, resyncMs } = parts;
    this.#instruments = instruments;
    this.#log = new DriftLog(
      logger,
      desired,
      (kind) => instruments.contentionBegan(kind, 1),
    );
    this.#losses = new ContentionLog(logger, LOSSES, {
      onBegun: () => instruments.contentionBegan("monitor", 1),
    });
    const onFault = parts.onResync ?? (() => {});
    this.#resyncLog = new ResyncLog({ logger, resyncMs, onFault });
    this.#resyncs = new ResyncTimer(() => this.#resync(), resyncMs);
    this.#resyncs.within(Math.min(EARLY_RESYNC_MS, resyncMs));
  }

  /** Handles an event of the monitor. */
  onKernelEvent(event: KernelEvent): void {
    switch (event.kind) {
      case "route":
        return this.#onRoute(event);
      case "link": {
        const { cache } = this.#parts;
        const devices = cache.devicesOf(event);
        for (const device of devices) cache.unlearnLink(device);
        this.#dirty.markDevices(devices, marked("link"));
        return this.#schedule();
      }
      case "rule":
        this.#rulesChanged = performance.now();
        this.#parts.cache.learnRules(true);
        return this.#resyncs.within(EARLY_RESYNC_MS);
      case "events-lost":
        this.#logLoss(event.why);
        return this.#resyncAll(performance.now());
      case "monitor-down":
        if (event.why !== undefined) this.#logLoss(event.why);
        return this.#resyncAll(Infinity);
      case "monitor-up":
        return this.#resyncAll(performance.now() + SUBSCRIBED_MS);
      default:
        return event satisfies never;
    }
  }

  /** Repairs what a call could not complete as soon as its back-off allows. */
  markDirty(prefixes: Iterable<Ipv4Cidr>): void {
    this.#markDirty(prefixes, "call");
  }

  /** Resyncs soon, because `ip` answers again. */
  resyncSoon(): void {
    if (!this.#closed) this.#resyncs.within(EARLY_RESYNC_MS);
  }

  /** Stops; running work is completed. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#log.close();
    this.#losses.close();
    await this.#resyncs.close();
  }

  #markDirty(prefixes: Iterable<Ipv4Cidr>, cause: RepairCause): void {
    const mark = marked(cause);
    for (const prefix of prefixes) this.#dirty.mark(prefix, mark);
    this.#schedule();
  }

  #onRoute(event: Extract<KernelEvent, { readonly kind: "route" }>): void {
    const { cache, desired, policy } = this.#parts;
    const { deleted, destination, protocol, table } = event;
    const ours = protocol === OUR_PROTOCOL;
    if (table !== TABLE_MAIN) {
      // Only the table of the state store has routes of ours besides the main one.
      if (!deleted || !ours) return;
      this.#dirty.markRecord(destination, marked("event"));
      return this.#schedule();
    }
    if (prefixLength(destination) !== policy.nodePrefix) return;
    const inside = contains(policy.clusterCidr, destination);
    // We would not write such a route, so it may exist beside ours, whatever its protocol is.
    const odd = !deleted && (!ours || !event.plain);
    if (odd && inside) cache.markOccupied(destination);
    const route = desired.get(destination)?.route;
    if (route === undefined) {
      // An InjectRoute in flight may desire this destination; our own addition is its echo.
      if (inside && (deleted || odd)) this.#markDirty([destination], "event");
      return;
    }
    const echo = !deleted && ours && event.plain && event.device === route.device;
    if (!echo) this.#markDirty([destination], "event");
  }

  #logLoss(why: string): void {
    if (this.#losses.count("ip monitor", performance.now())) return;
    this.#parts.logger.log(
      "warn",
      `Kernel events may have been lost, so a full resync follows (${why})`,
    );
  }

  #resyncAll(eventsSince: number): void {
    const { cache, desired } = this.#parts;
    this.#eventsSince = eventsSince;
    cache.forgetAll();
    this.#resyncs.within(EARLY_RESYNC_MS);
    this.#markDirty(desired.routes().map(({ route }) => route.destination), "resync");
  }

  #schedule(): void {
    if (this.#closed || this.#running) return;
    clearTimeout(this.#timer);
    const now = performance.now();
    const due = this.#dirty.unresolved ? now : this.#log.earliest(this.#dirty.prefixes);
    if (due === Infinity) return;
    const waitMs = Math.max(due, this.#restUntil - OWED_REST_MS) - now;
    if (waitMs > 0) {
      this.#timer = setTimeout(() => this.#schedule(), waitMs);
      return;
    }
    this.#running = true;
    void this.#parts.queue.repair(() => this.#repair()).finally(() => {
      this.#running = false;
      this.#schedule();
    });
  }

  async #repair(): Promise<void> {
    const { desired, reconciler } = this.#parts;
    const started = performance.now();
    this.#dirty.resolveDevices(desired);
    const claims = await this.#compareRecords();
    const due = this.#dirty.take((prefix) => this.#log.isDue(prefix, started));
    const repairs: Repair[] = [];
    const keys = [...due].flatMap(([prefix, mark]) => {
      const start = () => this.#startRepair(prefix, mark, (done) => repairs.push(done));
      return [...this.#recordKey(prefix, start), ...this.#routeKey(prefix, start)];
    });
    await reconciler.reconcile([...claims, ...keys]);
    const now = performance.now();
    this.#log.note(repairs, now);
    this.#parts.activity.noteRepairs(repairs);
    for (const repair of repairs) {
      if (hasReturned(repair)) this.#parts.onReturn?.(repair.prefix);
    }
    // The kernel would refuse it again, so the next resync tries it again.
    for (const { outcome, prefix } of repairs) {
      if (outcome.kind !== "lost") continue;
      const { sinceMs } = due.get(prefix) ?? marked("retry");
      this.#dirty.mark(prefix, { cause: "retry", sinceMs });
    }
    const rest = Math.min(REST * (now - started), LONGEST_REST_MS);
    this.#restUntil = Math.max(this.#restUntil, now) + rest;
  }

  #startRepair(
    prefix: Ipv4Cidr,
    mark: Mark,
    take: (repair: Repair) => void,
  ): StartedRepair {
    const asked = this.#parts.desired.askedBy(prefix);
    const { cause, end } = startRepair(REPAIR, prefix, mark, asked);
    return {
      cause,
      end: (repair) => {
        take(repair);
        this.#measure(repair, mark);
        end(repair);
      },
    };
  }

  #measure(repair: Repair, { cause, sinceMs }: Mark): void {
    this.#instruments.repairEnded({
      cause,
      outcome: repairOutcomeOf(repair),
      seconds: (performance.now() - sinceMs) / 1000,
    });
    if (cause === "resync" && hasReturned(repair)) {
      this.#instruments.driftConfirmed("route", 1);
    }
  }

  /**
   * Finds the records that the store lacks. It reads the store, because an event may be
   * older than the latest write.
   *
   * @returns keys that write outdated claims
   */
  async #compareRecords(): Promise<readonly AnyKey[]> {
    const { desired, owner } = this.#parts;
    const suspects = this.#dirty.takeRecords((prefix) =>
      desired.get(prefix)?.persisted === true || owner.owns(prefix)
    );
    // The first missing record is the cause for which the others were found.
    const [first] = suspects.values();
    if (first === undefined) return [];
    const markOf = (prefix: Ipv4Cidr): Mark => suspects.get(prefix) ?? first;
    const state = await this.#load();
    if (state === undefined) {
      const routes = [...suspects.keys()].filter((prefix) =>
        desired.get(prefix) !== undefined
      );
      this.#markMissing(routes, markOf);
      return [];
    }
    const missing = missingRoutes(desired, state);
    this.#markMissing(missing, markOf);
    const plans = owner.missing(state);
    for (const [prefix, plan] of plans) {
      this.#missing.set(prefix, plan);
      this.#dirty.mark(prefix, markOf(prefix));
    }
    const drifted = [...missing, ...plans.keys()]
      .filter((prefix) => markOf(prefix).cause === "resync");
    if (drifted.length > 0) {
      this.#instruments.driftConfirmed("record", drifted.length);
    }
    return outdatedClaims(desired, state).map((record) =>
      loopKey<WriteOutcome>({
        cause: REPAIR,
        device: undefined,
        plan: () => planWrite({ persist: [{ kind: "put", record }] }),
        commit: () => {},
      })
    );
  }

  #markMissing(
    destinations: readonly Ipv4Cidr[],
    markOf: (destination: Ipv4Cidr) => Mark,
  ): void {
    for (const destination of destinations) {
      this.#parts.desired.markNotPersisted(destination);
      this.#dirty.mark(destination, markOf(destination));
    }
  }

  async #load(): Promise<StoredState | undefined> {
    const { reconciler, store } = this.#parts;
    const reply = await reconciler.read([{ command: { kind: "own-routes" } }]);
    const result = reply.kind === "answered" ? reply.results[0] : undefined;
    const ours = answerOf(result, "table")?.routes;
    return ours === undefined ? undefined : store.load(ours);
  }

  #recordKey(prefix: Ipv4Cidr, start: () => StartedRepair): readonly AnyKey[] {
    const plan = this.#missing.get(prefix);
    this.#missing.delete(prefix);
    if (plan === undefined) return [];
    const { cause, end } = start();
    return [loopKey<WriteOutcome>({
      cause,
      device: undefined,
      plan: () => planWrite(plan),
      commit: (outcome) => {
        if (outcome.kind === "lost") this.#missing.set(prefix, plan);
        end({ kind: "record", prefix, outcome });
      },
    })];
  }

  #routeKey(prefix: Ipv4Cidr, start: () => StartedRepair): readonly AnyKey[] {
    // A span that begins has to end.
    if (this.#parts.desired.repairGoal(prefix) === undefined) return [];
    const { cause, end } = start();
    const repair = repairKey(prefix, this.#parts, cause, end);
    return repair === undefined ? [] : [repair];
  }

  async #resync(): Promise<void> {
    const { cache } = this.#parts;
    const started = performance.now();
    const found = await resync(this.#parts);
    if (this.#closed) return;
    this.#instruments.resyncEnded({
      outcome: found.ok ? "succeeded" : "failed",
      seconds: (performance.now() - started) / 1000,
    });
    if (!found.ok) return this.#resyncs.within(this.#resyncLog.failed(found.fault));
    this.#resyncLog.succeeded();
    const { conflicting, drifted, missing, rulesMayHide } = found.value;
    if (started >= this.#eventsSince) cache.learnAll(conflicting);
    else if (this.#eventsSince < Infinity) this.#resyncs.within(EARLY_RESYNC_MS);
    if (started >= Math.max(this.#eventsSince, this.#rulesChanged)) {
      cache.learnRules(rulesMayHide);
    }
    for (const prefix of missing) this.#dirty.markRecord(prefix, marked("resync"));
    this.#markDirty(drifted, "resync");
  }
}

/** The key that reconciles a destination with the desired state. */
export function repairKey(
  destination: Ipv4Cidr,
  { cache, desired }: Pick<DriftRepairParts, "cache" | "desired">,
  cause: Cause,
  take: (repair: Repair) => void,
): AnyKey | undefined {
  const repair = desired.repairGoal(destination);
  switch (repair?.kind) {
    case undefined:
      return undefined;
    case "absent":
      return loopKey<AbsentOutcome>({
        cause,
        device: undefined,
        plan: () => planAbsent(repair.goal, { clear: cache.isClear(destination) }),
        commit: (outcome) => {
          desired.commitDeletion(destination, outcome);
          take({ kind: "deletion", prefix: destination, outcome });
        },
      });
    case "present":
      return loopKey<PresentOutcome>({
        cause,
        device: repair.goal.route.device,
        plan: () => planPresent(repair.goal, cache.known(repair.goal.route)),
        commit: (outcome) => {
          desired.commitRepair(repair.before, outcome);
          take({ kind: "route", prefix: destination, before: repair.before, outcome });
        },
      });
    default:
      return repair satisfies never;
  }
}

function marked(cause: RepairCause): Mark {
  return { cause, sinceMs: performance.now() };
}

function hasReturned(repair: Repair): boolean {
  return repair.kind === "route" && repair.outcome.kind === "added" &&
    repair.before.status.kind === "installed";
}
