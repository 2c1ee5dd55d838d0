import type { LogLevel } from "../observability/logger.ts";

/** One line of the human log. */
export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
}

/**
 * A call, and when it is worth a line at info. `text` names it with what it asks for,
 * e.g. `InjectRoute(destination=10.42.2.0/24, via=vxlan100)`, on one line whatever the
 * caller sent.
 */
export type LoggedCall =
  /** ConfigureNodeSubnet: always. An agent has started, so each route is new again. */
  | { readonly kind: "configure"; readonly text: string }
  /** If it changes something, or has not been at info since ConfigureNodeSubnet. */
  | { readonly kind: "route"; readonly text: string; readonly destination: string }
  /** If it changes something. */
  | { readonly kind: "other"; readonly text: string };

/** How a call ended, as far as the log is concerned. */
export type CallResult =
  /** `lines` as they are when it is worth info; its repetition has them at debug. */
  | {
    readonly kind: "succeeded";
    readonly changed: boolean;
    readonly lines: readonly LogLine[];
  }
  /** The caller is at fault, or the kernel, or a device. */
  | { readonly kind: "refused"; readonly sentence: string }
  /** The sidecar did not begin with it: `sentence` is of our own, one of a few. */
  | { readonly kind: "not-executed"; readonly sentence: string };

/** A call that is being carried out, with the line that says so. */
export interface StartedCall {
  readonly call: LoggedCall;
  readonly line: LogLine;
}

/** What a {@linkcode CallLog} is made of. */
export interface CallLogOptions {
  /** Milliseconds since 1970. @default {Date.now} */
  readonly now?: () => number;
  /** Whether lines at debug are written: then none is repeated at info. @default {false} */
  readonly showsDebug?: boolean;
  /** Calls and refusals that are remembered for a minute. @default {1024} */
  readonly recentCapacity?: number;
  /** Destinations whose last call is remembered. @default {65536} */
  readonly routeCapacity?: number;
}

/** What repeats is written at most this often, in milliseconds. */
export const REPEAT_MS = 60_000;

/**
 * What the log says of calls: each `RPC:` line when the call begins, a call that changes
 * nothing once, and a refusal that repeats as a count. It writes nothing itself.
 *
 * A call that is done is remembered by its destination, which the node has checked by
 * then: garbage cannot fill that memory. Any other call is remembered until it has not
 * come for a minute. When that memory is full, more refusals are only counted: whatever
 * callers send, refused calls get no more lines a minute than twice what it holds.
 */
export class CallLog {
  readonly #now: () => number;
  readonly #showsDebug: boolean;
  readonly #recentCapacity: number;
  readonly #routeCapacity: number;
  /** For each destination the call that was at info last. */
  readonly #routes = new Map<string, string>();
  /** Calls that have begun or were refused within the last minute, by their text. */
  readonly #recent = new Map<string, RecentCall>();
  /** How many refusals `#recent` holds. */
  #refusals = 0;
  /** Calls of any text, by the sentence that says why they were not executed. */
  readonly #notExecuted = new Map<string, Tally>();
  /** Refused calls that were not remembered. */
  #others: Tally | undefined;
  #sweptMs: number;

  constructor(options: CallLogOptions = {}) {
    this.#now = options.now ?? Date.now;
    this.#showsDebug = options.showsDebug ?? false;
    this.#recentCapacity = options.recentCapacity ?? 1024;
    this.#routeCapacity = options.routeCapacity ?? 65_536;
    this.#sweptMs = this.#now();
  }

  /** Notes that a call begins; its line is to be written before it is carried out. */
  start(call: LoggedCall): StartedCall {
    const level = this.#noteStart(call) ? "info" : "debug";
    return { call, line: { level, message: `RPC: ${call.text}` } };
  }

  /** Notes how a call ended, and says what is to be written now. */
  end({ call, line }: StartedCall, result: CallResult): readonly LogLine[] {
    const nowMs = this.#now();
    const counts = this.#sweep(nowMs);
    switch (result.kind) {
      case "succeeded": {
        const level = this.#isRepetition(call, result.changed) ? "debug" : "info";
        // Nobody could know when it began that it would be worth info.
        const isMissing = line.level === "debug" && level === "info" &&
          !this.#showsDebug;
        return [
          ...counts,
          ...this.#settle(call),
          ...(isMissing ? [{ ...line, level } as const] : []),
          ...result.lines.map((each) =>
            each.level === "info" ? { ...each, level } as const : each
          ),
        ];
      }
      case "refused":
        return [...counts, ...this.#refuse(call, result.sentence, nowMs)];
      case "not-executed":
        return [...counts, ...this.#skip(call.text, result.sentence, nowMs)];
      default:
        return result satisfies never;
    }
  }

  /** True if the call is worth info already, as far as can be known when it begins. */
  #noteStart(call: LoggedCall): boolean {
    switch (call.kind) {
      case "configure":
        return true;
      case "route": {
        if (this.#routes.get(call.destination) === call.text) return false;
        const nowMs = this.#now();
        const recent = this.#recent.get(call.text);
        if (recent !== undefined) recent.seenMs = nowMs;
        return recent === undefined && this.#remember(call.text, nowMs) !== undefined;
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

  /** The call is done: its refusals are over, and after ConfigureNodeSubnet everything. */
  #settle(call: LoggedCall): readonly LogLine[] {
    switch (call.kind) {
      case "configure": {
        const texts = [...this.#recent.keys()];
        this.#routes.clear();
        return texts.flatMap((text) => this.#forget(text));
      }
      case "route":
        this.#noteRoute(call.destination, call.text);
        return this.#forget(call.text);
      case "other":
        return this.#forget(call.text);
      default:
        return call satisfies never;
    }
  }

  #noteRoute(destination: string, text: string): void {
    this.#routes.set(destination, text);
    if (this.#routes.size <= this.#routeCapacity) return;
    // A Map keeps the order of insertion: the first is the oldest.
    const [oldest] = this.#routes.keys();
    if (oldest !== undefined) this.#routes.delete(oldest);
  }

  #refuse(call: LoggedCall, sentence: string, nowMs: number): readonly LogLine[] {
    const { text } = call;
    // Once it is done again, the log at info has to say so.
    if (call.kind === "route" && this.#routes.get(call.destination) === text) {
      this.#routes.delete(call.destination);
    }
    const message = `${text} refused: ${sentence}`;
    const recent = this.#recent.get(text) ?? this.#remember(text, nowMs);
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

  #skip(text: string, sentence: string, nowMs: number): readonly LogLine[] {
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

  /** Undefined if there is no room. */
  #remember(text: string, nowMs: number): RecentCall | undefined {
    if (this.#isFull()) return undefined;
    const recent = { seenMs: nowMs, refusals: new Map<string, Tally>() };
    this.#recent.set(text, recent);
    return recent;
  }

  #forget(text: string): readonly LogLine[] {
    const recent = this.#recent.get(text);
    if (recent === undefined) return [];
    this.#recent.delete(text);
    this.#refusals -= recent.refusals.size;
    return [...recent.refusals.values()].flatMap((tally) => tally.rest());
  }

  /** Once a minute: writes the counts of what has ended, and makes room. */
  #sweep(nowMs: number): readonly LogLine[] {
    if (!isPast(this.#sweptMs, nowMs)) return [];
    this.#sweptMs = nowMs;
    const lines: LogLine[] = [];
    for (const [text, { seenMs }] of this.#recent) {
      if (isPast(seenMs, nowMs)) lines.push(...this.#forget(text));
    }
    for (const [sentence, tally] of this.#notExecuted) {
      if (!isPast(tally.seenMs, nowMs)) continue;
      this.#notExecuted.delete(sentence);
      lines.push(...tally.rest());
    }
    if (this.#others !== undefined && isPast(this.#others.seenMs, nowMs)) {
      lines.push(...this.#others.rest());
      this.#others = undefined;
    }
    return lines;
  }
}

interface RecentCall {
  /** When it began or was refused last. */
  seenMs: number;
  /** By their sentences. */
  readonly refusals: Map<string, Tally>;
}

/** Counts what repeats after its first line. */
class Tally {
  readonly #describe: (count: number, since: string) => string;
  readonly #sinceMs: number;
  #count = 1;
  #written = 1;
  #writtenMs: number;
  #seenMs: number;

  constructor(describe: (count: number, since: string) => string, nowMs: number) {
    this.#describe = describe;
    this.#sinceMs = this.#writtenMs = this.#seenMs = nowMs;
  }

  /** When it was last counted. */
  get seenMs(): number {
    return this.#seenMs;
  }

  /** Counts one more: the count if it is time for it, otherwise `message` at debug. */
  repeat(message: string, nowMs: number): readonly LogLine[] {
    this.#count += 1;
    this.#seenMs = nowMs;
    if (!isPast(this.#writtenMs, nowMs)) return [{ level: "debug", message }];
    this.#writtenMs = nowMs;
    return this.rest();
  }

  /** The count, if it was not written yet. */
  rest(): readonly LogLine[] {
    if (this.#count === this.#written) return [];
    this.#written = this.#count;
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

/** Whether it is time again. A clock that was set back must not silence the log. */
function isPast(lastMs: number, nowMs: number): boolean {
  return Math.abs(nowMs - lastMs) >= REPEAT_MS;
}
