import { contains, type Ipv4Cidr, prefixLength } from "../ipam/cidr.ts";
import type { ClusterPolicy } from "../ipam/policy.ts";
import type { Cause } from "../kernel/audit.ts";
import type { Door } from "../kernel/door.ts";
import type { KernelEvent } from "../kernel/monitor.ts";
import type { TableEntry } from "../kernel/replies.ts";
import type { Logger } from "../log.ts";
import { PROTOCOL, TABLE_MAIN } from "../routes/found_route.ts";
import type { InterfaceName } from "../routes/interface_name.ts";
import { OUR_PROTOCOL } from "../routes/memory.ts";
import { renewAddresses } from "./address_memory.ts";
import { BLINDNESS, FIGHT, FightLog, FLAP } from "./fight_log.ts";
import { Hints } from "./hints.ts";
import type { Ledger } from "./ledger.ts";
import { readOwn } from "./own.ts";
import { describeRenewals, isLinkNews, list } from "./news.ts";
import { renew, type Renewal } from "./renew.ts";
import type { Snapshot } from "./snapshot.ts";
import { rememberSubnet } from "./subnet.ts";
import { forgottenPrefixes, survey } from "./survey.ts";
import { SurveyTimer } from "./survey_timer.ts";
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

/** A look at everything comes so soon after the start, and after events were missed. */
const EARLY_SURVEY_MS = 1000;

/** What a monitor that was started needs to subscribe, and more. */
const SUBSCRIBED_MS = 500;

/** Repairs owe a rest of so many times the time they take: a fifth is theirs for good. */
const REST = 4;

/** Rest that may be owed, or 254 routes swept away would come back in two parts. */
const OWED_MS = 1000;

/**
 * Level-triggered: events only say which destinations to look at, and one path, the
 * same for all of them, makes the kernel agree with the ledger.
 */
export class Reconciler {
  readonly #parts: ReconcilerParts;
  readonly #hints = new Hints();
  readonly #fights: FightLog<Ipv4Cidr>;
  readonly #flaps: FightLog<InterfaceName>;
  readonly #blindness: FightLog<"ip monitor">;
  readonly #surveys: SurveyTimer;
  /** Since when no event was missed; Infinity while nobody hears any. */
  #hearingSince = 0;
  #subnetDirty = false;
  #running = false;
  #restUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
    const { logger, resyncMs } = parts;
    this.#fights = new FightLog(logger, FIGHT);
    this.#flaps = new FightLog(logger, FLAP);
    this.#blindness = new FightLog(logger, BLINDNESS);
    this.#surveys = new SurveyTimer(() => this.#survey(), resyncMs);
    this.#surveys.within(Math.min(EARLY_SURVEY_MS, resyncMs));
  }

  /** Takes a hint from the monitor. */
  notice(event: KernelEvent): void {
    switch (event.kind) {
      case "route":
        return this.#noticeRoute(event);
      case "link": {
        const { snapshot } = this.#parts;
        const devices = snapshot.devicesOf(event);
        for (const device of devices) snapshot.unlearn(device);
        this.#hints.addDevices(devices);
        return this.#schedule();
      }
      case "blind":
        this.#sayBlind(event.why);
        return this.#lookAgain(performance.now());
      case "deaf":
        this.#sayBlind(event.why);
        return this.#lookAgain(Infinity);
      case "listening":
        return this.#lookAgain(performance.now() + SUBSCRIBED_MS);
    }
  }

  /** Looks at these destinations as soon as their back-off allows. */
  touch(destinations: Iterable<Ipv4Cidr>): void {
    for (const destination of destinations) this.#hints.dirty.add(destination);
    this.#schedule();
  }

  /** Stops; what runs comes to its end. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#fights.close();
    this.#flaps.close();
    this.#blindness.close();
    await this.#surveys.close();
  }

  #noticeRoute(event: Extract<KernelEvent, { kind: "route" }>): void {
    const { ledger, policy, snapshot } = this.#parts;
    const { deleted, destination, protocol, table } = event;
    if (table === OUR_PROTOCOL) return this.#noticeMemory(event);
    if (table !== TABLE_MAIN || prefixLength(destination) !== policy.nodePrefix) return;
    const foreign = protocol !== PROTOCOL.ours;
    const inside = contains(policy.clusterCidr, destination);
    // One that we would not write, whatever its owner says: it may stand beside ours.
    const odd = !deleted && (foreign || !event.plain);
    if (odd && inside) snapshot.occupy(destination);
    const wish = ledger.get(destination);
    if (wish === undefined) {
      // An InjectRoute under way may be about to want it; an addition of ours is its own.
      if (inside && (deleted || odd)) this.touch([destination]);
      return;
    }
    const echo = !deleted && !foreign && event.plain &&
      event.device === wish.route.device;
    if (!echo) this.touch([destination]);
  }

  #noticeMemory(event: Extract<KernelEvent, { kind: "route" }>): void {
    if (!event.deleted || event.protocol !== OUR_PROTOCOL) return;
    this.#hints.addForgotten(event.destination);
    this.#schedule();
  }

  #sayBlind(why: string): void {
    if (this.#blindness.count("ip monitor", performance.now())) return;
    this.#parts.logger.log(
      "warn",
      `Events may have been missed, looking at everything (${why})`,
    );
  }

  #lookAgain(hearingSince: number): void {
    const { ledger, snapshot } = this.#parts;
    this.#hearingSince = hearingSince;
    snapshot.forgetAll();
    this.#surveys.within(EARLY_SURVEY_MS);
    this.touch(ledger.wishes().map(({ route }) => route.destination));
  }

  #schedule(): void {
    if (this.#closed || this.#running) return;
    clearTimeout(this.#timer);
    const now = performance.now();
    const hurry = this.#subnetDirty || this.#hints.unresolved;
    const due = hurry ? now : this.#fights.earliest(this.#hints.dirty);
    if (due === Infinity) return;
    const waitMs = Math.max(due, this.#restUntil - OWED_MS) - now;
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
    const { door, ledger, logger, snapshot } = this.#parts;
    const started = performance.now();
    const { dirty } = this.#hints;
    this.#hints.resolveDevices(ledger);
    await this.#recollect(this.#hints.takeForgotten(ledger));
    const due = [...dirty].filter((to) => this.#fights.isDue(to, started));
    for (const destination of due) dirty.delete(destination);
    if (this.#subnetDirty && await rememberSubnet(door, ledger, REPAIR)) {
      this.#subnetDirty = false;
    }
    const renewals = await renew(door, ledger, snapshot, due, REPAIR);
    const now = performance.now();
    for (
      const { level, message } of describeRenewals(this.#worthSaying(renewals, now))
    ) {
      logger.log(level, message);
    }
    this.#restUntil = Math.max(this.#restUntil, now) + REST * (now - started);
  }

  /** An event may be older than what was written since: so the table itself is asked. */
  async #recollect(prefixes: readonly Ipv4Cidr[]): Promise<void> {
    if (prefixes.length === 0) return;
    const { door, ledger } = this.#parts;
    const own = await readOwn(door);
    const forgotten = own.kind === "read"
      ? forgottenPrefixes(ledger, own.entries)
      : prefixes;
    if (own.kind === "read") await this.#renewAddresses(own.entries);
    for (const prefix of forgotten) {
      ledger.unremember(prefix);
      this.#hints.dirty.add(prefix);
      this.#subnetDirty ||= prefix === ledger.nodeSubnet?.subnet;
    }
  }

  async #renewAddresses(own: readonly TableEntry[]): Promise<void> {
    const { door, ledger, logger } = this.#parts;
    const now = performance.now();
    const renewed = (await renewAddresses(door, ledger, own, REPAIR))
      .filter((prefix) => !this.#fights.count(prefix, now));
    if (renewed.length > 0) {
      logger.log("warn", `Remembered again, gone from table 142: ${list(renewed)}`);
    }
  }

  /** Counts the repairs, and leaves out those that are one of very many. */
  #worthSaying(renewals: readonly Renewal[], now: number): readonly Renewal[] {
    const flapping = new Map<InterfaceName, boolean>();
    return renewals.filter((renewal) => {
      const { before, destination, reached } = renewal;
      const { device } = before.route;
      const troubled = reached.kind === "failed" || reached.kind === "lost";
      if (troubled) this.#hints.dirty.add(destination);
      if (isLinkNews(renewal)) {
        const quiet = flapping.get(device) ?? this.#flaps.count(device, now);
        flapping.set(device, quiet);
        return !quiet;
      }
      const repaired = before.standing.kind === "installed" &&
        (reached.kind === "added" || !before.remembered);
      return !(troubled || repaired) || !this.#fights.count(destination, now);
    });
  }

  async #survey(): Promise<void> {
    const { door, ledger, policy, snapshot } = this.#parts;
    const started = performance.now();
    const found = await survey(door, ledger, policy);
    if (this.#closed || found === undefined) return;
    if (started >= this.#hearingSince) snapshot.survey(found.occupied);
    else if (this.#hearingSince < Infinity) this.#surveys.within(EARLY_SURVEY_MS);
    for (const prefix of found.forgotten) this.#hints.addForgotten(prefix);
    this.touch(found.suspicious);
  }
}
