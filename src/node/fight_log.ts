import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Logger } from "../log.ts";
import {
  afterRepair,
  dueMs,
  FIGHT_COUNT,
  isCalm,
  type Repairs,
} from "../routes/backoff.ts";
import { list } from "./news.ts";

/** How often fights are looked at for their end, in milliseconds. */
const CHECK_MS = 1000;

/** Counts the repairs of each destination, and tells of a fight once, and of its end. */
export class FightLog {
  readonly #logger: Logger;
  readonly #repairs = new Map<Ipv4Cidr, Repairs>();
  readonly #fought = new Set<Ipv4Cidr>();
  #news: Ipv4Cidr[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** When the first of these may be repaired, on the clock of `performance.now()`. */
  earliest(destinations: Iterable<Ipv4Cidr>): number {
    let earliest = Infinity;
    for (const destination of destinations) {
      earliest = Math.min(earliest, dueMs(this.#repairs.get(destination)));
    }
    return earliest;
  }

  isDue(destination: Ipv4Cidr, nowMs: number): boolean {
    return dueMs(this.#repairs.get(destination)) <= nowMs;
  }

  /** Notes a repair; true if it is one of a fight, and so not worth a line of its own. */
  count(destination: Ipv4Cidr, nowMs: number): boolean {
    const repairs = afterRepair(this.#repairs.get(destination), nowMs);
    this.#repairs.set(destination, repairs);
    this.#timer ??= setInterval(() => this.#check(), CHECK_MS);
    if (repairs.count < FIGHT_COUNT) return false;
    if (!this.#fought.has(destination)) {
      this.#fought.add(destination);
      this.#news.push(destination);
    }
    return true;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const nowMs = performance.now();
    if (this.#news.length > 0) {
      this.#logger.log(
        "warn",
        `Somebody keeps changing routes of ours; repairing them, at most twice a ` +
          `second each: ${list(this.#news)}`,
      );
      this.#news = [];
    }
    const calm = [...this.#repairs].filter(([, repairs]) => isCalm(repairs, nowMs))
      .map(([destination]) => destination);
    const over = calm.filter((destination) => this.#fought.delete(destination));
    for (const destination of calm) this.#repairs.delete(destination);
    if (over.length > 0) {
      this.#logger.log("info", `Routes are left alone again: ${list(over)}`);
    }
    if (this.#repairs.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}
