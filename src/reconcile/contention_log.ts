import type { Logger } from "../observability/logger.ts";
import { afterRepair, dueMs, FIGHT_COUNT, isCalm, type Repairs } from "./backoff.ts";
import { list } from "./repair_messages.ts";

/** How often fights are looked at for their end, in milliseconds. */
const CHECK_MS = 1000;

/** What is said of a fight, once, and of its end; the keys are listed after it. */
export interface FightWords {
  readonly begun: string;
  readonly over: string;
}

/** Routes, or what is remembered of them. */
export const FIGHT: FightWords = {
  begun: "Somebody keeps changing routes of ours; repairing them, at most twice a " +
    "second each",
  over: "Routes are left alone again",
};

/** Devices. */
export const FLAP: FightWords = {
  begun: "Links keep coming and going, and our routes with them",
  over: "Links are steady again",
};

/** The monitor. */
export const BLINDNESS: FightWords = {
  begun: "Events are missed again and again; looking at everything each time",
  over: "Events come in again",
};

/** Counts what has to be repeated for each key, and tells of a fight and of its end. */
export class FightLog<Key extends string> {
  readonly #logger: Logger;
  readonly #words: FightWords;
  readonly #onOver: (keys: readonly Key[]) => void;
  readonly #repairs = new Map<Key, Repairs>();
  readonly #fought = new Set<Key>();
  #news: Key[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param onOver called with the keys whose end has just been logged */
  constructor(
    logger: Logger,
    words: FightWords,
    onOver: (keys: readonly Key[]) => void = () => {},
  ) {
    this.#logger = logger;
    this.#words = words;
    this.#onOver = onOver;
  }

  /** When the next repair may be made, on the clock of `performance.now()`. */
  dueMs(key: Key): number {
    return dueMs(this.#repairs.get(key));
  }

  /** Notes a repair; true if it is one of a fight, and so not worth a line of its own. */
  count(key: Key, nowMs: number): boolean {
    const repairs = afterRepair(this.#repairs.get(key), nowMs);
    this.#repairs.set(key, repairs);
    this.#timer ??= setInterval(() => this.#check(), CHECK_MS);
    if (repairs.count < FIGHT_COUNT) return false;
    if (!this.#fought.has(key)) {
      this.#fought.add(key);
      this.#news.push(key);
    }
    return true;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const nowMs = performance.now();
    if (this.#news.length > 0) {
      this.#logger.log("warn", `${this.#words.begun}: ${list(this.#news)}`);
      this.#news = [];
    }
    const calm = [...this.#repairs].filter(([, repairs]) => isCalm(repairs, nowMs))
      .map(([key]) => key);
    const over = calm.filter((key) => this.#fought.delete(key));
    for (const key of calm) this.#repairs.delete(key);
    if (over.length > 0) {
      this.#logger.log("info", `${this.#words.over}: ${list(over)}`);
      this.#onOver(over);
    }
    if (this.#repairs.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}
