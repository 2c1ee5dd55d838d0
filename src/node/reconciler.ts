import { contains, type Ipv4Cidr, prefixLength } from "../ipam/cidr.ts";
import type { ClusterPolicy } from "../ipam/policy.ts";
import type { Cause } from "../kernel/audit.ts";
import type { Door } from "../kernel/door.ts";
import type { KernelEvent } from "../kernel/monitor.ts";
import type { Logger } from "../log.ts";
import { PROTOCOL, TABLE_MAIN } from "../routes/found_route.ts";
import { OUR_PROTOCOL } from "../routes/memory.ts";
import { FightLog } from "./fight_log.ts";
import type { Ledger } from "./ledger.ts";
import { describeRenewals } from "./news.ts";
import { renew } from "./renew.ts";
import type { Snapshot } from "./snapshot.ts";
import { rememberSubnet } from "./subnet.ts";
import { survey } from "./survey.ts";
import type { WorkQueue } from "./work_queue.ts";

/** What the reconciler works with. */
export interface ReconcilerParts {
  readonly door: Door;
  readonly ledger: Ledger;
  readonly snapshot: Snapshot;
  readonly queue: WorkQueue;
  readonly logger: Logger;
  readonly policy: ClusterPolicy;
  /** Milliseconds between two looks at everything. */
  readonly resyncMs: number;
}

const REPAIR: Cause = { rpc: "repair", peer: "" };

/** The first look at everything comes early: a monitor needs a moment to subscribe. */
const FIRST_SURVEY_MS = 1000;

/** A run of repairs is followed by a pause of so many times its own length. */
const REST = 4;

/**
 * Level-triggered: events only say which destinations to look at, and one path, the
 * same for all of them, makes the kernel agree with the ledger.
 */
export class Reconciler {
  readonly #parts: ReconcilerParts;
  readonly #dirty = new Set<Ipv4Cidr>();
  readonly #fights: FightLog;
  #subnetDirty = false;
  #running = false;
  #restUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #surveyTimer: ReturnType<typeof setTimeout> | undefined;
  #surveying: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
    this.#fights = new FightLog(parts.logger);
    this.#surveyIn(Math.min(FIRST_SURVEY_MS, parts.resyncMs));
  }

  /** Takes a hint from the monitor. */
  notice(event: KernelEvent): void {
    switch (event.kind) {
      case "route":
        return this.#noticeRoute(event);
      case "link":
        return this.#noticeLink(event);
      case "blind":
        this.#parts.logger.log(
          "warn",
          `Events may have been missed, looking at everything (${event.why})`,
        );
        this.#parts.snapshot.forgetAll();
        this.#surveyIn(FIRST_SURVEY_MS);
        return this.touch(this.#parts.ledger.wishes().map((w) => w.route.destination));
    }
  }

  /** Looks at these destinations as soon as their back-off allows. */
  touch(destinations: Iterable<Ipv4Cidr>): void {
    for (const destination of destinations) this.#dirty.add(destination);
    this.#schedule();
  }

  /** Stops; what runs comes to its end. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#surveyTimer);
    this.#fights.close();
    await this.#surveying;
  }

  #noticeRoute(event: Extract<KernelEvent, { kind: "route" }>): void {
    const { ledger, policy, snapshot } = this.#parts;
    const { deleted, destination, protocol, table } = event;
    if (table === OUR_PROTOCOL) return this.#noticeMemory(event);
    if (table !== TABLE_MAIN || prefixLength(destination) !== policy.nodePrefix) return;
    const foreign = protocol !== PROTOCOL.ours;
    if (foreign && !deleted && contains(policy.clusterCidr, destination)) {
      snapshot.occupy(destination);
    }
    const wish = ledger.get(destination);
    if (wish === undefined) return;
    const echo = !deleted && !foreign && event.plain &&
      event.device === wish.route.device;
    if (!echo) this.touch([destination]);
  }

  #noticeMemory(event: Extract<KernelEvent, { kind: "route" }>): void {
    const { ledger } = this.#parts;
    if (!event.deleted || event.protocol !== OUR_PROTOCOL) return;
    const wish = ledger.get(event.destination);
    if (wish !== undefined) {
      ledger.put({ ...wish, remembered: false });
      this.touch([event.destination]);
    }
    if (ledger.nodeSubnet?.subnet === event.destination) {
      this.#subnetDirty = true;
      this.#schedule();
    }
  }

  #noticeLink(event: Extract<KernelEvent, { kind: "link" }>): void {
    const { ledger, snapshot } = this.#parts;
    const devices = new Set(snapshot.devicesOf(event));
    for (const device of devices) snapshot.unlearn(device);
    const through = ledger.wishes().filter(({ route }) => devices.has(route.device));
    if (through.length > 0) this.touch(through.map(({ route }) => route.destination));
  }

  #schedule(): void {
    if (this.#closed || this.#running) return;
    clearTimeout(this.#timer);
    if (this.#dirty.size === 0 && !this.#subnetDirty) return;
    const now = performance.now();
    const due = this.#subnetDirty ? now : this.#fights.earliest(this.#dirty);
    const waitMs = Math.max(due, this.#restUntil) - now;
    if (waitMs > 0) {
      this.#timer = setTimeout(() => this.#schedule(), waitMs);
      return;
    }
    this.#running = true;
    void this.#parts.queue.alone(() => this.#repair()).finally(() => {
      this.#running = false;
      this.#schedule();
    });
  }

  async #repair(): Promise<void> {
    const { door, ledger, logger, snapshot } = this.#parts;
    const started = performance.now();
    const due = [...this.#dirty].filter((to) => this.#fights.isDue(to, started));
    for (const destination of due) this.#dirty.delete(destination);
    if (this.#subnetDirty && await rememberSubnet(door, ledger, REPAIR)) {
      this.#subnetDirty = false;
    }
    const renewals = await renew(door, ledger, snapshot, due, REPAIR);
    const now = performance.now();
    const quiet = renewals.filter(({ before, destination, reached }) => {
      const troubled = reached.kind === "failed" || reached.kind === "lost";
      if (troubled) this.#dirty.add(destination);
      const repaired = reached.kind === "added" && before.standing.kind === "installed";
      return !(troubled || repaired) || !this.#fights.count(destination, now);
    });
    for (const { level, message } of describeRenewals(quiet)) {
      logger.log(level, message);
    }
    this.#restUntil = now + REST * (now - started);
  }

  #surveyIn(waitMs: number): void {
    clearTimeout(this.#surveyTimer);
    this.#surveyTimer = setTimeout(() => {
      this.#surveying = this.#survey().finally(() => {
        if (!this.#closed) this.#surveyIn(this.#parts.resyncMs);
      });
    }, waitMs);
  }

  async #survey(): Promise<void> {
    const { door, ledger, policy, snapshot } = this.#parts;
    const found = await survey(door, ledger, policy);
    if (this.#closed || found === undefined) return;
    snapshot.survey(found.occupied);
    for (const destination of found.forgotten) {
      const wish = ledger.get(destination);
      if (wish !== undefined) ledger.put({ ...wish, remembered: false });
    }
    this.#subnetDirty ||= found.subnetForgotten;
    this.touch(found.suspicious);
  }
}
