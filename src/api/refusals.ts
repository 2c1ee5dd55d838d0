import { countOf } from "../shared/quote.ts";
import type { LogFields, LogLevel, LogLine } from "../observability/logger.ts";
import { Tally } from "./tally.ts";

/** A call that was refused, as the log names it. */
export interface RefusedCall {
  /** The call, e.g. `InjectRoute(destination=10.42.2.0/24, via=vxlan100)`. */
  readonly text: string;
  /** The part that it shares with other calls, e.g. `InjectRoute via vxlan100`. */
  readonly name: string;
  /** The destination of a route. */
  readonly destination?: string | undefined;
  readonly fields: LogFields;
}

/** A group with at most so many calls has a line for each; a larger one has one line. */
const IN_FULL = 8;

/**
 * Counts refusals that repeat. Refusals for one reason of calls that differ only in the
 * route are a group: its first calls have lines of their own, and if there are more, the
 * group has one line for all of them.
 *
 * The number of calls that are kept is bounded, because a client can send any number of
 * different ones. Refusals of further calls are only counted.
 */
export class Refusals {
  readonly #capacity: number;
  /** By name, then by reason. */
  readonly #groups = new Map<string, Map<string, Group>>();
  #size = 0;
  /** Refused calls that there was no room to keep. */
  #others: Tally | undefined;

  /** @param capacity how many calls and groups are kept */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Counts one. The last line is about the call, the others are about its group. */
  add(call: RefusedCall, sentence: string, nowMs: number): readonly LogLine[] {
    const { fields, text } = call;
    const { level, more } = this.#count(call, sentence, nowMs);
    return [...more, { level, message: `${text} refused: ${sentence}`, fields }];
  }

  /** Whether a group of this name has one line for all its calls. */
  hasMany(name: string): boolean {
    const groups = this.#groups.get(name)?.values() ?? [];
    return [...groups].some((group) => group.isMany);
  }

  /** A call has succeeded. Returns the counts of its refusals. */
  succeeded(name: string, text: string): readonly LogLine[] {
    const groups = this.#groups.get(name)?.values() ?? [];
    return [...groups].flatMap((group) => group.succeeded(text));
  }

  /**
   * Returns the counts that the log does not have yet, and drops the refusals that were
   * not repeated since the last report.
   */
  report(): readonly LogLine[] {
    const lines: LogLine[] = [];
    for (const [name, groups] of this.#groups) {
      for (const [reason, group] of groups) {
        lines.push(...group.pending());
        if (group.takeRepeated()) continue;
        groups.delete(reason);
        this.#size -= group.size;
      }
      if (groups.size === 0) this.#groups.delete(name);
    }
    lines.push(...this.#others?.pending() ?? []);
    if (this.#others?.takeRepeated() === false) this.#others = undefined;
    return lines;
  }

  /** Returns the counts that the log does not have yet, and drops all refusals. */
  clear(): readonly LogLine[] {
    const lines = this.report();
    this.#groups.clear();
    this.#size = 0;
    return lines;
  }

  #count(call: RefusedCall, sentence: string, nowMs: number): Counted {
    const group = this.#groupOf(call, sentence, nowMs);
    if (group === undefined) return this.#countOther(nowMs);
    const before = group.size;
    const hasRoom = this.#size < this.#capacity;
    const counted = group.add(call, sentence, { hasRoom, nowMs });
    this.#size += group.size - before;
    return counted;
  }

  #groupOf(
    call: RefusedCall,
    sentence: string,
    nowMs: number,
  ): Group | undefined {
    const reason = reasonOf(call, sentence);
    const groups = this.#groups.get(call.name);
    const known = groups?.get(reason);
    if (known !== undefined || this.#size >= this.#capacity) return known;
    const group = new Group(call, reason, nowMs);
    this.#size += group.size;
    if (groups === undefined) this.#groups.set(call.name, new Map([[reason, group]]));
    else groups.set(reason, group);
    return group;
  }

  #countOther(nowMs: number): Counted {
    if (this.#others !== undefined) {
      this.#others.repeat();
      return { level: "debug", more: [] };
    }
    this.#others = new Tally({ describe: describeOthers, sinceMs: nowMs, count: 1 });
    return { level: "debug", more: [{ level: "warn", message: MANY_REFUSALS }] };
  }
}

/** A sentence without the destination, so that it is the same for all routes. */
function reasonOf({ destination }: RefusedCall, sentence: string): string {
  if (destination === undefined) return sentence;
  // A text that is no CIDR may also be a word of the sentence. The sentence quotes the
  // destination, so only the quoted text is replaced.
  const isCidr = destination.includes("/") || destination.startsWith('"');
  return sentence.replaceAll(isCidr ? destination : `"${destination}"`, "…");
}

/** The level of the call's own line, and the lines about others. */
interface Counted {
  readonly level: LogLevel;
  readonly more: readonly LogLine[];
}

const REPEATED: Counted = { level: "debug", more: [] };

/** Sorts destinations by their numbers. */
const collator = new Intl.Collator("en", { numeric: true });

/** A text that may be a destination; a client can send any text. */
const CIDR = /^[\d.]+\/\d+$/;

/** Refusals for one reason of calls that differ only in the route. */
class Group {
  readonly #name: string;
  readonly #reason: string;
  readonly #fields: LogFields;
  readonly #tally: Tally;
  /** By text: the calls that have lines of their own. */
  readonly #inFull = new Map<string, Tally>();
  /** The texts of all calls that were refused. */
  readonly #calls = new Set<string>();
  /** Whether there was room for all of them. */
  #isComplete = true;
  /** Undefined unless each call names a destination. */
  #destinations: { readonly first: string; readonly last: string } | undefined;
  #isOfRoutes = true;
  #isMany = false;

  constructor({ fields, name }: RefusedCall, reason: string, sinceMs: number) {
    this.#name = name;
    this.#reason = reason;
    this.#fields = { rpc: fields.rpc, device: fields.device };
    this.#tally = new Tally({
      describe: (count, since) => this.#describe(count, since),
      fields: this.#fields,
      sinceMs,
      count: 0,
    });
  }

  /** How much of the capacity for all groups it uses. */
  get size(): number {
    return 1 + this.#calls.size;
  }

  /** Whether it has one line for all its calls. */
  get isMany(): boolean {
    return this.#isMany;
  }

  add(
    call: RefusedCall,
    sentence: string,
    { hasRoom, nowMs }: { readonly hasRoom: boolean; readonly nowMs: number },
  ): Counted {
    this.#tally.repeat();
    this.#keep(call, hasRoom);
    const own = this.#inFull.get(call.text);
    own?.repeat();
    if (own !== undefined || this.#isMany) return REPEATED;
    if (hasRoom && this.#inFull.size < IN_FULL) {
      this.#inFull.set(call.text, tallyOf(call, sentence, nowMs));
      return { level: "warn", more: [] };
    }
    this.#isMany = true;
    const message = `${this.#name} is refused for more ${this.#noun}s: ` +
      `${this.#reason}; from now on they are counted, and shown only with ` +
      "--log-level debug";
    const fields = this.#fields;
    return { level: "debug", more: [{ level: "warn", message, fields }] };
  }

  succeeded(text: string): readonly LogLine[] {
    const own = this.#inFull.get(text);
    this.#inFull.delete(text);
    return own?.pending() ?? [];
  }

  /** The counts that the log does not have yet. */
  pending(): readonly LogLine[] {
    return this.#isMany
      ? this.#tally.pending()
      : [...this.#inFull.values()].flatMap((own) => own.pending());
  }

  /** Whether a refusal was counted since the last call of this method. */
  takeRepeated(): boolean {
    return this.#tally.takeRepeated();
  }

  get #noun(): string {
    return this.#destinations === undefined ? "request" : "route";
  }

  #keep({ destination, text }: RefusedCall, hasRoom: boolean): void {
    if (this.#calls.has(text)) return;
    if (hasRoom) this.#calls.add(text);
    else this.#isComplete = false;
    this.#isOfRoutes &&= destination !== undefined && CIDR.test(destination);
    if (destination === undefined || !this.#isOfRoutes) {
      this.#destinations = undefined;
      return;
    }
    const { first, last } = this.#destinations ??
      { first: destination, last: destination };
    this.#destinations = {
      first: collator.compare(destination, first) < 0 ? destination : first,
      last: collator.compare(destination, last) > 0 ? destination : last,
    };
  }

  #describe(count: number, since: string): string {
    const atLeast = this.#isComplete ? "" : "at least ";
    const calls = countOf(this.#calls.size, this.#noun);
    const range = this.#destinations === undefined
      ? ""
      : `, from ${this.#destinations.first} to ${this.#destinations.last}`;
    return `${this.#name} refused for ${atLeast}${calls}, ` +
      `${countOf(count, "time")} since ` +
      `${since}${range}: ${this.#reason}`;
  }
}

function tallyOf(
  { fields: { destination, device, rpc }, text }: RefusedCall,
  sentence: string,
  sinceMs: number,
): Tally {
  return new Tally({
    describe: (count, since) =>
      `${text} refused ${countOf(count, "time")} since ${since}: ${sentence}`,
    // Several clients may repeat the same call.
    fields: { rpc, destination, device },
    sinceMs,
    count: 1,
  });
}

const MANY_REFUSALS =
  "Too many different calls are refused: from now on they are counted, and shown " +
  "only with --log-level debug";

function describeOthers(count: number, since: string): string {
  return `${countOf(count, "more call")} refused since ${since}; --log-level debug ` +
    "shows each";
}
