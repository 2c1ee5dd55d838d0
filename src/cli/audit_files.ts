/** Reads audit logs as a stream: however large they are, they need little memory. */
import { countOf } from "../shared/quote.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { type AuditLine, parseAuditLine } from "./audit_record.ts";
import { describeUnread, lineBatches, nameOf, openText } from "./text_input.ts";

/** The lines of audit logs that are not shown, and why. */
export class AuditFaults {
  /** Each the first place, and how many there are. */
  #foreign: Places | undefined;
  #cut: Places | undefined;
  #unread: string | undefined;

  /** A line that no sidecar wrote. */
  noteForeign(place: string): void {
    this.#foreign = oneMore(this.#foreign, place);
  }

  /** A line of which a part is missing. */
  noteCut(place: string): void {
    this.#cut = oneMore(this.#cut, place);
  }

  /** A file that could not be read to its end. */
  noteUnread(sentence: string): void {
    this.#unread = sentence;
  }

  /** Why a file could not be read to its end, a sentence. */
  get unread(): string | undefined {
    return this.#unread;
  }

  /** Why not everything is shown that should be, a sentence. */
  get failure(): string | undefined {
    if (this.#unread !== undefined) return this.#unread;
    if (this.#foreign === undefined) return undefined;
    const what = describe(this.#foreign, "not an audit record", "not audit records");
    return `${what}; check whether the file also contains the log (standard error)`;
  }

  /** What is left out and could not be shown anyhow, a sentence. */
  get remark(): string | undefined {
    return this.#cut && describe(this.#cut, "cut off", "cut off");
  }
}

interface Places {
  readonly first: string;
  readonly more: number;
}

function oneMore(places: Places | undefined, place: string): Places {
  return places === undefined
    ? { first: place, more: 0 }
    : { ...places, more: places.more + 1 };
}

function describe({ first, more }: Places, what: string, plural: string): string {
  return more === 0
    ? `${first} is ${what} and is skipped`
    : `${first} and ${countOf(more, "more line")} are ${plural} and are skipped`;
}

/** What one read of a file brought. */
type Batch = readonly AuditLine[];

/**
 * Reads logs, the one with the oldest first record first: a shell lists rotated files
 * with the newest first.
 *
 * @param faults learns what is left out
 * @returns batches, as they come; the fault is one sentence: a file cannot be opened
 */
export async function readAuditLogs(
  paths: readonly string[],
  faults: AuditFaults,
): Promise<Result<AsyncGenerator<Batch>, string>> {
  const logs: AsyncGenerator<Batch>[] = [];
  for (const path of paths) {
    const opened = await openText(path);
    if (!opened.ok) return opened;
    logs.push(readLog(path, opened.value, faults));
  }
  const begun: BegunLog[] = [];
  for (const log of logs) begun.push(await begin(log));
  return faults.unread === undefined ? ok(inOrder(begun)) : err(faults.unread);
}

/** A log of which something was read. */
interface BegunLog {
  /** The first lines; none if the log has none. */
  readonly first: Batch;
  readonly rest: AsyncGenerator<Batch>;
}

async function begin(log: AsyncGenerator<Batch>): Promise<BegunLog> {
  for (;;) {
    const { done, value } = await log.next();
    if (done === true) return { first: [], rest: log };
    if (value.length > 0) return { first: value, rest: log };
  }
}

async function* inOrder(logs: readonly BegunLog[]): AsyncGenerator<Batch> {
  const beginning = ({ first }: BegunLog): number => first[0]?.atMs ?? Infinity;
  const ordered = logs.toSorted((one, other) =>
    // Infinity minus itself is no number.
    beginning(one) < beginning(other) ? -1 : 1
  );
  for (const { first, rest } of ordered) {
    yield first;
    yield* rest;
  }
}

async function* readLog(
  path: string,
  stream: ReadableStream<Uint8Array>,
  faults: AuditFaults,
): AsyncGenerator<Batch> {
  const parser = new LogParser(nameOf(path), faults);
  try {
    for await (const lines of lineBatches(stream)) {
      yield lines.flatMap((text) => parser.parse(text) ?? []);
    }
    parser.end();
  } catch (cause) {
    faults.noteUnread(describeUnread(path, cause));
  }
}

/** Counts the lines of a log, and judges those that are no records. */
class LogParser {
  readonly #name: string;
  readonly #faults: AuditFaults;
  #line = 0;
  /** A line that is no record and may be the beginning of one: what follows decides. */
  #open: string | undefined;

  constructor(name: string, faults: AuditFaults) {
    this.#name = name;
    this.#faults = faults;
  }

  /** Undefined if it is not to be shown. */
  parse(text: string): AuditLine | undefined {
    this.#line += 1;
    if (text.trim() === "") return undefined;
    const parsed = parseAuditLine(text);
    this.#judgeOpen(parsed?.kind === "gap");
    if (parsed === undefined) this.#noteFault(text);
    return parsed;
  }

  /** A sidecar that was killed, or that writes at this moment, leaves a part of a line. */
  end(): void {
    this.#judgeOpen(true);
  }

  #noteFault(text: string): void {
    const place = `${this.#name} line ${this.#line}`;
    if (text.startsWith("{")) this.#open = place;
    // As `tail -c` leaves it.
    else if (this.#line === 1 && text.trimEnd().endsWith("}")) {
      this.#faults.noteCut(place);
    } else this.#faults.noteForeign(place);
  }

  /** The sidecar ends a line that it could not write whole, and counts it in a gap. */
  #judgeOpen(isCut: boolean): void {
    const place = this.#open;
    if (place === undefined) return;
    this.#open = undefined;
    if (isCut) this.#faults.noteCut(place);
    else this.#faults.noteForeign(place);
  }
}
