import type { LogFields, LogLine } from "../observability/logger.ts";
import { countOf } from "../shared/quote.ts";
import { Refusals } from "./refusals.ts";
import { Tally } from "./tally.ts";

/**
 * A call as the log sees it; its kind decides when it is logged at info. `text` has the
 * RPC and the request, e.g. `InjectRoute(destination=10.42.2.0/24, via=vxlan100)`, on one
 * line whatever the client sent.
 */
export type LoggedCall =
  /** ConfigureNodeSubnet, always at info. It starts a new agent, so all routes are new. */
  | { readonly kind: "configure"; readonly text: string }
  /** At info if it changes something, or for the first time since ConfigureNodeSubnet. */
  | {
    readonly kind: "route";
    readonly text: string;
    /** As `text` shows it, like `device`. */
    readonly destination: string;
    readonly device?: string;
  }
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

/** The name of a call, and its client. */
export interface CallOrigin {
  /** The name of the call, e.g. `InjectRoute`. */
  readonly rpc: string;
  /** The client, as in the audit log. */
  readonly peer: string;
}

/** A call in progress, with the line that was logged when it started. */
export interface StartedCall {
  readonly call: LoggedCall;
  readonly origin: CallOrigin;
  readonly line: LogLine;
}

/** Options of {@linkcode CallLog}. */
export interface CallLogOptions {
  /** Milliseconds since 1970. @default {Date.now} */
  readonly now?: () => number;
  /** True if lines at debug are written; then none is repeated at info. @default {false} */
  readonly showsDebug?: boolean;
  /** How many calls, and how many refusals, are kept for a minute. @default {1024} */
  readonly recentCapacity?: number;
  /** For how many destinations the last call is kept. @default {65536} */
  readonly routeCapacity?: number;
}

/** Milliseconds between two calls of {@linkcode CallLog.report}. */
export const REPORT_MS = 60_000;

/**
 * Decides which lines the log has about calls: an `RPC:` line when a call starts, one
 * report of a call that changes nothing, and a count of refusals that repeat. It writes
 * nothing itself.
 *
 * A call that succeeded is kept by its destination. The node has validated that by then,
 * so invalid requests cannot fill this memory. Any other call is kept until it has not been
 * repeated between two reports. When that memory is full, further refusals are only
 * counted, so the number of lines a minute is at most three times its capacity, whatever
 * clients send.
 */
export class CallLog {
  readonly #now: () => number;
  readonly #showsDebug: boolean;
  readonly #recentCapacity: number;
  readonly #routeCapacity: number;
  /** By destination: the text of the call that was last logged at info. */
  readonly #routes = new Map<string, string>();
  /** By text: recent calls, and whether each has started since the last report. */
  readonly #recent = new Map<string, boolean>();
  readonly #refusals: Refusals;
  /** By sentence: calls of any text that were not executed. */
  readonly #notExecuted = new Map<string, Tally>();

  constructor(options: CallLogOptions = {}) {
    this.#now = options.now ?? Date.now;
    this.#showsDebug = options.showsDebug ?? false;
    this.#recentCapacity = options.recentCapacity ?? 1024;
    this.#routeCapacity = options.routeCapacity ?? 65_536;
    this.#refusals = new Refusals(this.#recentCapacity);
  }

  /** Records the start of a call; write its line before the call is executed. */
  start(call: LoggedCall, origin: CallOrigin): StartedCall {
    const level = this.#recordStart(call, origin) ? "info" : "debug";
    const message = `RPC: ${call.text}`;
    return { call, origin, line: { level, message, fields: fieldsOf(call, origin) } };
  }

  /** Records the end of a call; write the lines that are returned. */
  end(started: StartedCall, result: CallResult): readonly LogLine[] {
    switch (result.kind) {
      case "succeeded":
        return this.#succeed(started, result);
      case "refused":
        return this.#refuse(started, result.sentence);
      case "not-executed":
        return [this.#countNotExecuted(started, result.sentence)];
      default:
        return result satisfies never;
    }
  }

  /**
   * Returns the counts that the log does not have yet; write them. Call it every
   * {@linkcode REPORT_MS} milliseconds, and at the end.
   */
  report(): readonly LogLine[] {
    for (const [text, isRepeated] of this.#recent) {
      if (isRepeated) this.#recent.set(text, false);
      else this.#recent.delete(text);
    }
    const notExecuted = [...this.#notExecuted].flatMap(([sentence, tally]) => {
      if (!tally.takeRepeated()) this.#notExecuted.delete(sentence);
      return tally.pending();
    });
    return [...this.#refusals.report(), ...notExecuted];
  }

  /** True if the call is to be logged at info, as far as that is known at its start. */
  #recordStart(call: LoggedCall, origin: CallOrigin): boolean {
    switch (call.kind) {
      case "configure":
        return true;
      case "route":
        return this.#routes.get(call.destination) !== call.text &&
          this.#isNew(call, origin);
      case "other":
        return false;
      default:
        return call satisfies never;
    }
  }

  /** True for the first of equal calls, unless many like it are refused. */
  #isNew(call: LoggedCall, origin: CallOrigin): boolean {
    const isKnown = this.#recent.has(call.text);
    const isNew = !isKnown && this.#recent.size < this.#recentCapacity &&
      !this.#refusals.hasMany(nameOf(call, origin));
    if (isKnown || isNew) this.#recent.set(call.text, true);
    return isNew;
  }

  #succeed(
    { call, origin, line }: StartedCall,
    { changed, lines }: Extract<CallResult, { readonly kind: "succeeded" }>,
  ): readonly LogLine[] {
    const fields = fieldsOf(call, origin);
    const level = this.#isRepetition(call, changed) ? "debug" : "info";
    // When the call started, it was not known that it would be logged at info.
    const isStartMissing = line.level === "debug" && level === "info" &&
      !this.#showsDebug;
    return [
      ...this.#clearRefusals(call, origin),
      ...(isStartMissing ? [{ ...line, level } as const] : []),
      ...lines.map((each): LogLine =>
        each.level === "info" ? { ...each, level, fields } : { ...each, fields }
      ),
    ];
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
  #clearRefusals(call: LoggedCall, origin: CallOrigin): readonly LogLine[] {
    switch (call.kind) {
      case "configure":
        this.#routes.clear();
        this.#recent.clear();
        return this.#refusals.clear();
      case "route":
        this.#recordRoute(call.destination, call.text);
        this.#recent.delete(call.text);
        return this.#refusals.succeeded(nameOf(call, origin), call.text);
      case "other":
        return this.#refusals.succeeded(nameOf(call, origin), call.text);
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

  #refuse({ call, origin }: StartedCall, sentence: string): readonly LogLine[] {
    const { text } = call;
    const destination = call.kind === "route" ? call.destination : undefined;
    // When the call succeeds again, the log has to say so at info.
    if (destination !== undefined && this.#routes.get(destination) === text) {
      this.#routes.delete(destination);
    }
    const [name, fields] = [nameOf(call, origin), fieldsOf(call, origin)];
    return this.#refusals.add(
      { text, name, destination, fields },
      sentence,
      this.#now(),
    );
  }

  #countNotExecuted({ call, origin }: StartedCall, sentence: string): LogLine {
    const message = `${call.text} not executed: ${sentence}`;
    const fields = fieldsOf(call, origin);
    const known = this.#notExecuted.get(sentence);
    if (known !== undefined) {
      known.repeat();
      return { level: "debug", message, fields };
    }
    const describe = (count: number, since: string) =>
      `${countOf(count, "call")} not executed since ${since}: ${sentence}`;
    const sinceMs = this.#now();
    this.#notExecuted.set(sentence, new Tally({ describe, sinceMs, count: 1 }));
    return { level: "warn", message, fields };
  }
}

/** What a call has in common with those that differ only in the route. */
function nameOf(call: LoggedCall, { rpc }: CallOrigin): string {
  return call.kind === "route" && call.device !== undefined
    ? `${rpc} via ${call.device}`
    : rpc;
}

function fieldsOf(call: LoggedCall, { peer, rpc }: CallOrigin): LogFields {
  if (call.kind !== "route") return { rpc, peer };
  const { destination, device } = call;
  return { rpc, peer, destination, device };
}
