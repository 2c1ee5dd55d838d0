import type { Logger, LogLevel } from "../observability/logger.ts";
import { listFew } from "../shared/quote.ts";
import { afterRepair, dueMs, isIdle, type RepairHistory } from "./backoff.ts";
import { CONTENTION_CHECK_MS, CONTENTION_COUNT } from "./limits.ts";

/** What is logged once when contention begins and when it ends; keys are listed after it. */
export interface ContentionMessages {
  readonly begun: string;
  readonly over: string;
  /** The field of a line about one key. @default undefined */
  readonly field?: "destination" | "device";
}

/** Routes, or their records. */
export const CONTENTION: ContentionMessages = {
  begun: "Another process keeps changing our routes; repairing each at most twice a " +
    "second",
  over: "No other process changes our routes any more",
  field: "destination",
};

/** Devices. */
export const FLAPPING: ContentionMessages = {
  begun: "Links keep going up and down, and the kernel deletes our routes each time",
  over: "Links are stable again",
  field: "device",
};

/** The monitor. */
export const LOSSES: ContentionMessages = {
  begun: "Kernel events are lost again and again; a full resync follows each loss",
  over: "No more kernel events are lost",
};

/** What is called when contention begins and when it ends. */
export interface ContentionListener<Key> {
  /** Called with each key when its contention begins. */
  readonly onBegun?: (key: Key) => void;
  /** Called with the keys whose end has just been logged. */
  readonly onOver?: (keys: readonly Key[]) => void;
}

/** Counts what has to be repeated for each key, and logs contention and its end. */
export class ContentionLog<Key extends string> {
  readonly #logger: Logger;
  readonly #messages: ContentionMessages;
  readonly #listener: ContentionListener<Key>;
  readonly #histories = new Map<Key, RepairHistory>();
  readonly #contended = new Set<Key>();
  #unlogged: Key[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    logger: Logger,
    messages: ContentionMessages,
    listener: ContentionListener<Key> = {},
  ) {
    this.#logger = logger;
    this.#messages = messages;
    this.#listener = listener;
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
      this.#listener.onBegun?.(key);
    }
    return true;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #write(level: LogLevel, what: string, keys: readonly Key[]): void {
    const { field } = this.#messages;
    const [key, ...others] = keys;
    const isAboutOne = field !== undefined && others.length === 0;
    const fields = isAboutOne ? { [field]: key } : {};
    this.#logger.log(level, `${what}: ${listFew(keys)}`, fields);
  }

  #check(): void {
    const nowMs = performance.now();
    if (this.#unlogged.length > 0) {
      this.#write("warn", this.#messages.begun, this.#unlogged);
      this.#unlogged = [];
    }
    const idle = [...this.#histories].filter(([, history]) => isIdle(history, nowMs))
      .map(([key]) => key);
    const over = idle.filter((key) => this.#contended.delete(key));
    for (const key of idle) this.#histories.delete(key);
    if (over.length > 0) {
      this.#write("info", this.#messages.over, over);
      this.#listener.onOver?.(over);
    }
    if (this.#histories.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}
