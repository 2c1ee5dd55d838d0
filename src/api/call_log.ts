import type { LogLevel } from "../observability/logger.ts";

/** One line of the human log. */
export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
}

/**
 * A call as the log sees it; its kind decides when it is logged at info. `text` has the
 * RPC and the request, e.g. `InjectRoute(destination=10.42.2.0/24, via=vxlan100)`, on one
 * line whatever the client sent.
 */
export type LoggedCall =
  /** ConfigureNodeSubnet, always at info. It starts a new agent, so all routes are new. */
  | { readonly kind: "configure"; readonly text: string }
  /** At info if it changes something, or for the first time since ConfigureNodeSubnet. */
  | { readonly kind: "route"; readonly text: string; readonly destination: string }
  /** At info if it changes something. */
  | { readonly kind: "other"; readonly text: string };

/** How a call ended, as the log sees it. */
export type CallResult =
  /** If the call is repeated, the log has its lines at debug instead of info. */
  | {
    readonly kind: "succeeded";
    readonly changed: boolean;
    readonly lines: readonly LogLine[];
  }
  /** The request was invalid, or the kernel or a device refused it. */
  | { readonly kind: "refused"; readonly sentence: string }
  /** The sidecar did not execute it. `sentence` is one of a few fixed sentences. */
  | { readonly kind: "not-executed"; readonly sentence: string };

/** A call in progress, with the line that was logged when it started. */
export interface StartedCall {
  readonly call: LoggedCall;
  readonly line: LogLine;
}

/** Options of {@linkcode CallLog}. */
export interface CallLogOptions {
  /** Milliseconds since 1970. @default {Date.now} */
  readonly now?: () => number;
  /** True if lines at debug are written; then none is repeated at info. @default {false} */
  readonly showsDebug?: boolean;
  /** How many calls and refusals are kept for a minute. @default {1024} */
  readonly recentCapacity?: number;
  /** For how many destinations the last call is kept. @default {65536} */
  readonly routeCapacity?: number;
}

/** The least time between two lines about a refusal that repeats, in milliseconds. */
export const REPEAT_MS = 60_000;

/**
 * Decides which lines the log has about calls: an `RPC:` line when a call starts, one
 * report of a call that changes nothing, and a count of a refusal that repeats. It writes
 * nothing itself.
 *
 * A call that succeeded is kept by its destination. The node has validated that by then,
 * so invalid requests cannot fill this memory. Any other call is kept until it has not been
 * repeated for a minute. When that memory is full, further refusals are only counted, so
 * the number of lines a minute is at most twice its capacity, whatever clients send.
 */
export class CallLog {
  readonly #now: () => number;
  readonly #showsDebug: boolean;
  readonly #recentCapacity: number;
  readonly #routeCapacity: number;
  /** By destination: the text of the call that was last logged at info. */
  readonly #routes = new Map<string, string>();
  /** By text: the calls that started or were refused within the last minute. */
  readonly #recent = new Map<string, RecentCall>();
  /** The number of refusals in `#recent`. */
  #refusals = 0;
  /** By sentence: calls of any text that were not executed. */
  readonly #notExecuted = new Map<string, Tally>();
  /** Refused calls that there was no room to keep. */
  #others: Tally | undefined;
  #sweptMs: number;

  constructor(options: CallLogOptions = {}) {
    this.#now = options.now ?? Date.now;
    this.#showsDebug = options.showsDebug ?? false;
    this.#recentCapacity = options.recentCapacity ?? 1024;
    this.#routeCapacity = options.routeCapacity ?? 65_536;
    this.#sweptMs = this.#now();
  }

  /** Records the start of a call; write its line before the call is executed. */
  start(call: LoggedCall): StartedCall {
    const level = this.#recordStart(call) ? "info" : "debug";
    return { call, line: { level, message: `RPC: ${call.text}` } };
  }

  /** Records the end of a call; write the lines that are returned. */
  end({ call, line }: StartedCall, result: CallResult): readonly LogLine[] {
    const nowMs = this.#now();
    const counts = this.#sweep(nowMs);
    switch (result.kind) {
      case "succeeded": {
        const level = this.#isRepetition(call, result.changed) ? "debug" : "info";
        // When the call started, it was not known that it would be logged at info.
        const isStartMissing = line.level === "debug" && level === "info" &&
          !this.#showsDebug;
        return [
          ...counts,
          ...this.#clearRefusals(call),
          ...(isStartMissing ? [{ ...line, level } as const] : []),
          ...result.lines.map((each) =>
            each.level === "info" ? { ...each, level } as const : each
          ),
        ];
      }
      case "refused":
        return [...counts, ...this.#refuse(call, result.sentence, nowMs)];
      case "not-executed":
        return [
          ...counts,
          ...this.#countNotExecuted(call.text, result.sentence, nowMs),
        ];
      default:
        return result satisfies never;
    }
  }

  /** True if the call is to be logged at info, as far as that is known at its start. */
  #recordStart(call: LoggedCall): boolean {
    switch (call.kind) {
      case "configure":
        return true;
      case "route": {
        if (this.#routes.get(call.destination) === call.text) return false;
        const nowMs = this.#now();
        const recent = this.#recent.get(call.text);
        if (recent !== undefined) recent.seenMs = nowMs;
        return recent === undefined && this.#keep(call.text, nowMs) !== undefined;
      }
      case "other":
        return false;
      default:
        return call satisfies never;
    }
  }

  #isRepetition(call: LoggedCall, changed: boolean): boolean {
    switch (call.kind) {
      case "configure":
        return false;
      case "route":
        return !changed && this.#routes.get(call.destination) === call.text;
      case "other":
        return !changed;
      default:
        return call satisfies never;
    }
  }

  /** A call that succeeded ends the counts of its refusals; ConfigureNodeSubnet ends all. */
  #clearRefusals(call: LoggedCall): readonly LogLine[] {
    switch (call.kind) {
      case "configure": {
        const texts = [...this.#recent.keys()];
        this.#routes.clear();
        return texts.flatMap((text) => this.#drop(text));
      }
      case "route":
        this.#recordRoute(call.destination, call.text);
        return this.#drop(call.text);
      case "other":
        return this.#drop(call.text);
      default:
        return call satisfies never;
    }
  }

  #recordRoute(destination: string, text: string): void {
    this.#routes.set(destination, text);
    if (this.#routes.size <= this.#routeCapacity) return;
    // The first key is the oldest, because a Map keeps the order of insertion.
    const [oldest] = this.#routes.keys();
    if (oldest !== undefined) this.#routes.delete(oldest);
  }

  #refuse(call: LoggedCall, sentence: string, nowMs: number): readonly LogLine[] {
    const { text } = call;
    // When the call succeeds again, the log has to say so at info.
    if (call.kind === "route" && this.#routes.get(call.destination) === text) {
      this.#routes.delete(call.destination);
    }
    const message = `${text} refused: ${sentence}`;
    const recent = this.#recent.get(text) ?? this.#keep(text, nowMs);
    if (recent !== undefined) {
      recent.seenMs = nowMs;
      const known = recent.refusals.get(sentence);
      if (known !== undefined) return known.repeat(message, nowMs);
      if (!this.#isFull()) {
        const describe = (count: number, since: string) =>
          `${text} refused ${count} times since ${since}: ${sentence}`;
        recent.refusals.set(sentence, new Tally(describe, nowMs));
        this.#refusals += 1;
        return [{ level: "warn", message }];
      }
    }
    if (this.#others !== undefined) return this.#others.repeat(message, nowMs);
    this.#others = new Tally(describeOthers, nowMs);
    return [{ level: "warn", message: MANY_REFUSALS }, { level: "debug", message }];
  }

  #countNotExecuted(text: string, sentence: string, nowMs: number): readonly LogLine[] {
    const message = `${text} not executed: ${sentence}`;
    const known = this.#notExecuted.get(sentence);
    if (known !== undefined) return known.repeat(message, nowMs);
    const describe = (count: number, since: string) =>
      `${count} calls not executed since ${since}: ${sentence}`;
    this.#notExecuted.set(sentence, new Tally(describe, nowMs));
    return [{ level: "warn", message }];
  }

  #isFull(): boolean {
    return this.#recent.size + this.#refusals >= this.#recentCapacity;
  }

  /** Keeps a call; undefined if there is no room. */
  #keep(text: string, nowMs: number): RecentCall | undefined {
    if (this.#isFull()) return undefined;
    const recent = { seenMs: nowMs, refusals: new Map<string, Tally>() };
    this.#recent.set(text, recent);
    return recent;
  }

  #drop(text: string): readonly LogLine[] {
    const recent = this.#recent.get(text);
    if (recent === undefined) return [];
    this.#recent.delete(text);
    this.#refusals -= recent.refusals.size;
    return [...recent.refusals.values()].flatMap((tally) => tally.pending());
  }

  /** Once a minute: reports the counts of calls that were not repeated, and drops them. */
  #sweep(nowMs: number): readonly LogLine[] {
    if (!isDue(this.#sweptMs, nowMs)) return [];
    this.#sweptMs = nowMs;
    const lines: LogLine[] = [];
    for (const [text, { seenMs }] of this.#recent) {
      if (isDue(seenMs, nowMs)) lines.push(...this.#drop(text));
    }
    for (const [sentence, tally] of this.#notExecuted) {
      if (!isDue(tally.seenMs, nowMs)) continue;
      this.#notExecuted.delete(sentence);
      lines.push(...tally.pending());
    }
    if (this.#others !== undefined && isDue(this.#others.seenMs, nowMs)) {
      lines.push(...this.#others.pending());
      this.#others = undefined;
    }
    return lines;
  }
}

interface RecentCall {
  /** When it last started or was refused. */
  seenMs: number;
  /** By sentence. */
  readonly refusals: Map<string, Tally>;
}

/** Counts the repetitions of a line. */
class Tally {
  readonly #describe: (count: number, since: string) => string;
  readonly #sinceMs: number;
  #count = 1;
  #reported = 1;
  #reportedMs: number;
  #seenMs: number;

  constructor(describe: (count: number, since: string) => string, nowMs: number) {
    this.#describe = describe;
    this.#sinceMs = this.#reportedMs = this.#seenMs = nowMs;
  }

  /** When a repetition was last counted. */
  get seenMs(): number {
    return this.#seenMs;
  }

  /** Counts one more. Returns the count if it is due, otherwise `message` at debug. */
  repeat(message: string, nowMs: number): readonly LogLine[] {
    this.#count += 1;
    this.#seenMs = nowMs;
    if (!isDue(this.#reportedMs, nowMs)) return [{ level: "debug", message }];
    this.#reportedMs = nowMs;
    return this.pending();
  }

  /** The count, if it was not returned yet. */
  pending(): readonly LogLine[] {
    if (this.#count === this.#reported) return [];
    this.#reported = this.#count;
    const since = new Date(this.#sinceMs).toISOString();
    return [{ level: "warn", message: this.#describe(this.#count, since) }];
  }
}

const MANY_REFUSALS =
  "Too many different calls are refused: from now on they are counted, and shown " +
  "only with --log-level debug";

function describeOthers(count: number, since: string): string {
  return `${count} more calls refused since ${since}; --log-level debug shows each`;
}

/** True if a minute has passed, or the clock was set: that must not silence the log. */
function isDue(lastMs: number, nowMs: number): boolean {
  return Math.abs(nowMs - lastMs) >= REPEAT_MS;
}
