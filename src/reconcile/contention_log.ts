import type { Logger } from "../observability/logger.ts";
import { listFew } from "../shared/quote.ts";
import { afterRepair, dueMs, isIdle, type RepairHistory } from "./backoff.ts";
import { CONTENTION_CHECK_MS, CONTENTION_COUNT } from "./limits.ts";

/** What is logged once when contention begins and when it ends; keys are listed after it. */
export interface ContentionMessages {
  readonly begun: string;
  readonly over: string;
}

/** Routes, or their records. */
export const CONTENTION: ContentionMessages = {
  begun: "Another process keeps changing our routes; repairing each at most twice a " +
    "second",
  over: "Our routes are left alone again",
};

/** Devices. */
export const FLAPPING: ContentionMessages = {
  begun: "Links keep going up and down, and our routes with them",
  over: "Links are steady again",
};

/** The monitor. */
export const LOSSES: ContentionMessages = {
  begun: "Events keep getting lost; a full resync follows each loss",
  over: "Events come in again",
};

/** Counts what has to be repeated for each key, and logs contention and its end. */
export class ContentionLog<Key extends string> {
  readonly #logger: Logger;
  readonly #messages: ContentionMessages;
  readonly #onOver: (keys: readonly Key[]) => void;
  readonly #histories = new Map<Key, RepairHistory>();
  readonly #contended = new Set<Key>();
  #unlogged: Key[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param onOver called with the keys whose end has just been logged */
  constructor(
    logger: Logger,
    messages: ContentionMessages,
    onOver: (keys: readonly Key[]) => void = () => {},
  ) {
    this.#logger = logger;
    this.#messages = messages;
    this.#onOver = onOver;
  }

  /** When the next repair may be made, on the clock of `performance.now()`. */
  dueMs(key: Key): number {
    return dueMs(this.#histories.get(key));
  }

  /** Notes a repair; true if it is part of contention, and gets no line of its own. */
  count(key: Key, nowMs: number): boolean {
    const history = afterRepair(this.#histories.get(key), nowMs);
    this.#histories.set(key, history);
    this.#timer ??= setInterval(() => this.#check(), CONTENTION_CHECK_MS);
    if (history.count < CONTENTION_COUNT) return false;
    if (!this.#contended.has(key)) {
      this.#contended.add(key);
      this.#unlogged.push(key);
    }
    return true;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const nowMs = performance.now();
    if (this.#unlogged.length > 0) {
      this.#logger.log("warn", `${this.#messages.begun}: ${listFew(this.#unlogged)}`);
      this.#unlogged = [];
    }
    const idle = [...this.#histories].filter(([, history]) => isIdle(history, nowMs))
      .map(([key]) => key);
    const over = idle.filter((key) => this.#contended.delete(key));
    for (const key of idle) this.#histories.delete(key);
    if (over.length > 0) {
      this.#logger.log("info", `${this.#messages.over}: ${listFew(over)}`);
      this.#onOver(over);
    }
    if (this.#histories.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}
