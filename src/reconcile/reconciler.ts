import { contains, type Ipv4Cidr, prefixLength } from "../ipam/cidr.ts";
import type { ClusterPolicy } from "../ipam/policy.ts";
import type {
  Cause,
  Dataplane,
  KernelEvent,
  TableRoute,
} from "../dataplane/dataplane.ts";
import type { Logger } from "../observability/logger.ts";
import { OUR_PROTOCOL, PROTOCOL, TABLE_MAIN } from "../routing/kernel_route.ts";
import { renewAddresses } from "../addresses/address_records.ts";
import { keepConfirmations } from "./confirmations.ts";
import { BLINDNESS, FightLog } from "./contention_log.ts";
import { Hints } from "./dirty_set.ts";
import type { Ledger } from "./desired_state.ts";
import { readOwn } from "../state/table142_store.ts";
import { renew, type Repair } from "./renew.ts";
import { RepairLog } from "./repair_log.ts";
import { ResyncLog } from "./resync_log.ts";
import type { Snapshot } from "./kernel_cache.ts";
import { rememberSubnet } from "../addresses/subnet.ts";
import { forgottenPrefixes, survey } from "./resync.ts";
import { SurveyTimer } from "./resync_timer.ts";
import type { WorkQueue } from "./work_queue.ts";

/** What the reconciler works with. */
export interface ReconcilerParts {
  readonly dataplane: Dataplane;
  readonly ledger: Ledger;
  readonly snapshot: Snapshot;
  readonly queue: WorkQueue;
  readonly logger: Logger;
  readonly policy: ClusterPolicy;
  /** Milliseconds between two looks at everything. */
  readonly resyncMs: number;
  /** Told why resyncs keep failing, and when they do no longer. */
  readonly onResync?: (fault: string | undefined) => void;
}

const REPAIR: Cause = { rpc: "repair", peer: "" };

/** A look at everything comes so soon after the start, and after events were missed. */
const EARLY_SURVEY_MS = 1000;

/** What a monitor that was started needs to subscribe, and more. */
const SUBSCRIBED_MS = 500;

/** Repairs owe a rest of so many times the time they take: a fifth is theirs for good. */
const REST = 4;

/** An `ip` that hangs makes a repair take 12 s: that is no work to rest from. */
const LONGEST_REST_MS = 4000;

/** Rest that may be owed, or 254 routes swept away would come back in two parts. */
const OWED_MS = 1000;

/**
 * Level-triggered: events only say which destinations to look at, and one path, the
 * same for all of them, makes the kernel agree with the ledger.
 */
export class Reconciler {
  readonly #parts: ReconcilerParts;
  readonly #hints = new Hints();
  readonly #log: RepairLog;
  readonly #blindness: FightLog<"ip monitor">;
  readonly #surveys: SurveyTimer;
  readonly #resyncs: ResyncLog;
  /** Since when no event was missed; Infinity while nobody hears any. */
  #hearingSince = 0;
  /** When a rule came or went last. */
  #rulesChanged = 0;
  /** The node's subnet, if its entry in table 142 has to be written again. */
  #forgottenSubnet: Ipv4Cidr | undefined;
  #running = false;
  #restUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
    const { ledger, logger, resyncMs } = parts;
    this.#log = new RepairLog(logger, ledger);
    this.#blindness = new FightLog(logger, BLINDNESS);
    const onFault = parts.onResync ?? (() => {});
    this.#resyncs = new ResyncLog({ logger, resyncMs, onFault });
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
      case "rule":
        this.#rulesChanged = performance.now();
        this.#parts.snapshot.learnRules(true);
        return this.#surveys.within(EARLY_SURVEY_MS);
      case "events-lost":
        this.#sayBlind(event.why);
        return this.#lookAgain(performance.now());
      case "monitor-down":
        if (event.why !== undefined) this.#sayBlind(event.why);
        return this.#lookAgain(Infinity);
      case "monitor-up":
        return this.#lookAgain(performance.now() + SUBSCRIBED_MS);
    }
  }

  /** Looks at these destinations as soon as their back-off allows. */
  touch(destinations: Iterable<Ipv4Cidr>): void {
    for (const destination of destinations) this.#hints.dirty.add(destination);
    this.#schedule();
  }

  /** Looks at everything in a moment: `ip` answers again. */
  resyncSoon(): void {
    if (!this.#closed) this.#surveys.within(EARLY_SURVEY_MS);
  }

  /** Stops; what runs comes to its end. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#log.close();
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
    const due = this.#hints.unresolved ? now : this.#log.earliest(this.#hints.dirty);
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
    const { dataplane, ledger, snapshot } = this.#parts;
    const started = performance.now();
    const { dirty } = this.#hints;
    this.#hints.resolveDevices(ledger);
    await this.#recollect(this.#hints.takeForgotten(ledger));
    const due = [...dirty].filter((to) => this.#log.isDue(to, started));
    for (const destination of due) dirty.delete(destination);
    const repairs = [
      ...await this.#renewSubnet(due),
      ...await renew(dataplane, ledger, snapshot, due, REPAIR),
    ];
    const now = performance.now();
    this.#log.note(repairs, now);
    // What the kernel refuses it would refuse again: that waits for the next survey.
    for (const { destination, reached } of repairs) {
      if (reached.kind === "lost") dirty.add(destination);
    }
    const rest = Math.min(REST * (now - started), LONGEST_REST_MS);
    this.#restUntil = Math.max(this.#restUntil, now) + rest;
  }

  async #renewSubnet(due: readonly Ipv4Cidr[]): Promise<readonly Repair[]> {
    const { dataplane, ledger } = this.#parts;
    const subnet = this.#forgottenSubnet;
    if (subnet === undefined || !due.includes(subnet)) return [];
    this.#forgottenSubnet = undefined;
    if (subnet !== ledger.nodeSubnet?.subnet) return [];
    const trouble = await rememberSubnet(dataplane, ledger, REPAIR);
    if (trouble?.kind === "lost") this.#forgottenSubnet = subnet;
    const reached = trouble ?? { kind: "remembered" };
    return [{ kind: "subnet", destination: subnet, reached }];
  }

  /** An event may be older than what was written since: so the table itself is asked. */
  async #recollect(prefixes: readonly Ipv4Cidr[]): Promise<void> {
    if (prefixes.length === 0) return;
    const { dataplane, ledger } = this.#parts;
    const own = await readOwn(dataplane);
    const forgotten = own.kind === "read"
      ? forgottenPrefixes(ledger, own.entries)
      : prefixes;
    if (own.kind === "read") {
      await this.#renewAddresses(own.entries);
      await keepConfirmations(dataplane, ledger, own.entries, REPAIR);
    }
    for (const prefix of forgotten) {
      ledger.unremember(prefix);
      this.#hints.dirty.add(prefix);
      if (prefix === ledger.nodeSubnet?.subnet) this.#forgottenSubnet = prefix;
    }
  }

  async #renewAddresses(own: readonly TableRoute[]): Promise<void> {
    const { dataplane, ledger } = this.#parts;
    const renewed = await renewAddresses(dataplane, ledger, own, REPAIR);
    this.#log.noteAddresses(renewed, performance.now());
  }

  async #survey(): Promise<void> {
    const { dataplane, ledger, policy, snapshot } = this.#parts;
    const started = performance.now();
    const surveyed = await survey(dataplane, ledger, policy);
    if (this.#closed) return;
    if (!surveyed.ok) {
      return this.#surveys.within(this.#resyncs.failed(surveyed.fault));
    }
    this.#resyncs.succeeded();
    const found = surveyed.value;
    if (started >= this.#hearingSince) snapshot.survey(found.occupied);
    else if (this.#hearingSince < Infinity) this.#surveys.within(EARLY_SURVEY_MS);
    if (started >= Math.max(this.#hearingSince, this.#rulesChanged)) {
      snapshot.learnRules(found.rulesMayHide);
    }
    for (const prefix of found.forgotten) this.#hints.addForgotten(prefix);
    this.touch(found.suspicious);
  }
}
