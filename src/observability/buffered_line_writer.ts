import { countOf } from "../shared/quote.ts";

/** Writes lines in order, and never makes the caller wait. */
export interface LineWriter {
  /** Queues one line, without its line feed; never blocks and never throws. */
  write(line: string): void;
  /** How many lines were lost: the buffer was full, or the write failed. */
  readonly dropped: number;
  /** Resolves when the buffer is empty, or after one second. */
  flush(): Promise<void>;
}

/** A line writer that also counts the lines that it has written. */
export interface CountingLineWriter extends LineWriter {
  /** How many lines are written, without those that stand for lost ones. */
  readonly written: number;
  /** How the line was sealed that was written last; `seal.first` before. */
  readonly head: string;
  /**
   * Queues one line that tells how many lines were lost before it. It is not dropped if
   * the buffer is full.
   *
   * @param describe returns the line, without its line feed, when it is to be written
   */
  writeCount(describe: (dropped: number) => string): void;
  /** Counts every line that is not written yet as lost: the process ends now. */
  abandon(): void;
}

/** Makes each line depend on the one that was written before it. */
export interface LineSeal {
  /** The `head` of a first line. */
  readonly first: string;
  /**
   * Returns the line as it is to be written, and the `head` of the next one.
   *
   * @param head what the line before it returned
   */
  seal(line: string, head: string): { readonly line: string; readonly head: string };
}

/** How lines are buffered. */
export interface BufferedLineOptions {
  /** The most that the buffer holds: bytes of UTF-8, before the lines are sealed. */
  readonly bytes: number;
  /** The line that stands for so many lost ones. */
  readonly describeDrop?: (count: number) => string;
  /** Applied when a line is written, so that a lost line is never sealed. */
  readonly seal?: LineSeal;
  /**
   * Whether the output may keep the end of a failed write and write it later, as
   * `Deno.stdout` does up to 1 KiB. Then it is not known what a failed write has written.
   * @default false
   */
  readonly keepsEnd?: boolean;
  /** Called with each loss: how many lines, and why, a part of a sentence. */
  readonly onDrop?: (count: number, why: string) => void;
}

/** The output, such as `Deno.stderr` or `Deno.stdout`. */
export interface ByteWriter {
  /** Writes some of the bytes, at least one, and returns how many. */
  write(bytes: Uint8Array): Promise<number>;
}

const FLUSH_TIMEOUT_MS = 1_000;
/** UTF-16 units per write: the default capacity of a pipe, pipe(7). */
const MAX_BATCH_UNITS = 64 * 1024;
const BUSY_RETRY_MS = 20;
/** The pause after a batch, because a write costs 50 µs and wakes a thread (measured). */
const PAUSE_MS = 25;
/** Bytes that a non-blocking pipe takes as a whole or not at all: PIPE_BUF, pipe(7). */
const ATOMIC_BYTES = 4096;

/** Why a line is lost that an output did not take: a part of a sentence. */
const UNREAD = "no process read them in time";

const encoder = new TextEncoder();

/**
 * Creates a writer with a bounded buffer.
 *
 * If the buffer is full, the writer drops and counts lines until half of the buffer is
 * free again, so that a slow reader gets one line of `describeDrop` per episode instead
 * of one per line. It also counts lines whose write fails, for instance because the disk
 * is full. It writes the count at the position of the lost lines as soon as a write
 * succeeds. A line that was written in part counts as lost, and the next one begins a new
 * line. The count is never too small. If the output `keepsEnd`, it may be too large.
 */
export function createBufferedLineWriter(
  out: ByteWriter,
  options: BufferedLineOptions,
): CountingLineWriter {
  return new BufferedLineWriter(out, options);
}

/** Writes one line and waits for it, at most one second; never throws. */
export async function writeLine(out: ByteWriter, line: string): Promise<void> {
  const writer = createBufferedLineWriter(out, { bytes: Infinity });
  writer.write(line);
  await writer.flush();
}

/** How the writing of a whole text ended. */
export type WriteEnd =
  | { readonly kind: "written" }
  /** A pipe whose reader has left: it has seen enough. */
  | { readonly kind: "reader-gone" }
  | { readonly kind: "failed"; readonly why: string };

/**
 * Writes bytes, or a text as UTF-8, and waits until all of it is taken. There is no
 * timeout, because the reader may be a pager.
 */
export async function writeAll(
  out: ByteWriter,
  content: string | Uint8Array,
): Promise<WriteEnd> {
  let rest = typeof content === "string" ? encoder.encode(content) : content;
  while (rest.length > 0) {
    const result = await writeSome(out, rest);
    switch (result.kind) {
      case "wrote":
        rest = rest.subarray(result.count);
        break;
      case "busy":
        await new Promise((resolve) => setTimeout(resolve, BUSY_RETRY_MS));
        break;
      case "failed":
        return result.cause instanceof Deno.errors.BrokenPipe
          ? { kind: "reader-gone" }
          : { kind: "failed", why: describeCause(result.cause) };
      default:
        result satisfies never;
    }
  }
  return { kind: "written" };
}

function describeCause(cause: unknown): string {
  return cause instanceof Error ? cause.message : "nothing could be written";
}

function describeDroppedLines(count: number): string {
  return `${countOf(count, "line")} dropped, because the reader was too slow`;
}

/** An element of the buffer. */
type Entry =
  | { readonly kind: "line"; readonly text: string; readonly size: number }
  /** A line that tells how many are lost when it is written. */
  | { readonly kind: "count"; readonly describe: (dropped: number) => string }
  /** Stands for lost lines; their number may still grow until it is written. */
  | { readonly kind: "gap"; lines: number }
  /** Ends a line of which only the beginning was written, or may have been. */
  | { readonly kind: "line-feed" };

/** An entry and its rendered text. */
interface RenderedEntry {
  readonly entry: Entry;
  readonly text: string;
  /** How it was sealed. */
  readonly head: string;
}

/** Seals nothing. */
const UNSEALED: LineSeal = { first: "", seal: (line, head) => ({ line, head }) };

class BufferedLineWriter implements CountingLineWriter {
  readonly #out: ByteWriter;
  readonly #limit: number;
  readonly #describeDrop: (count: number) => string;
  readonly #seal: LineSeal;
  readonly #keepsEnd: boolean;
  readonly #onDrop: (count: number, why: string) => void;
  readonly #buffer: Entry[] = [];
  /** The entries that are being written, and how many of their bytes are written. */
  #batch:
    | { readonly entries: readonly RenderedEntry[]; readonly bytes: Uint8Array }
    | undefined;
  #batchWritten = 0;
  /** The most bytes of one write. */
  #pieceBytes = Infinity;
  /** Bytes of UTF-8 of the lines in the buffer and the batch. */
  #bufferedBytes = 0;
  #head: string;
  #written = 0;
  #dropped = 0;
  #full = false;
  #pausedUntil = 0;
  /** Resolves when the buffer is empty; undefined while no write is scheduled. */
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(out: ByteWriter, options: BufferedLineOptions) {
    const { describeDrop = describeDroppedLines, onDrop = () => {} } = options;
    this.#out = out;
    this.#limit = options.bytes;
    this.#describeDrop = describeDrop;
    this.#onDrop = onDrop;
    this.#seal = options.seal ?? UNSEALED;
    this.#keepsEnd = options.keepsEnd ?? false;
    this.#head = this.#seal.first;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get written(): number {
    return this.#written;
  }

  get head(): string {
    return this.#head;
  }

  write(text: string): void {
    const size = utf8Length(text) + 1;
    const noRoom = this.#bufferedBytes + size > this.#limit;
    if (noRoom || (this.#full && this.#bufferedBytes > this.#limit / 2)) {
      this.#full = true;
      const last = this.#buffer.at(-1);
      if (last?.kind === "gap") last.lines += 1;
      else this.#buffer.push({ kind: "gap", lines: 1 });
      this.#noteDrop(1, UNREAD);
    } else {
      this.#full = false;
      this.#buffer.push({ kind: "line", text, size });
      this.#bufferedBytes += size;
    }
    this.#schedule();
  }

  writeCount(describe: (dropped: number) => string): void {
    this.#buffer.push({ kind: "count", describe });
    this.#schedule();
  }

  async flush(): Promise<void> {
    // Retry a gap whose write failed, because no line may follow.
    this.#schedule();
    // Read before setTimeout(): in Deno 2.9.3 the first one of a process runs microtasks.
    const idle = this.#idle?.promise;
    if (idle === undefined) return;
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, FLUSH_TIMEOUT_MS);
    await Promise.race([idle, timeout.promise]);
    clearTimeout(timer);
  }

  abandon(): void {
    if (this.#batch === undefined && this.#buffer.length === 0) return;
    this.#dropBatch(UNREAD, true);
  }

  #schedule(): void {
    if (this.#idle !== undefined || this.#buffer.length === 0) return;
    this.#idle = Promise.withResolvers();
    // In a timer, so that the caller continues first and a burst becomes one write.
    const pause = Math.max(0, this.#pausedUntil - performance.now());
    setTimeout(() => this.#pump(), pause);
  }

  #pump(): void {
    this.#batch ??= this.#nextBatch();
    const begin = this.#batchWritten;
    const piece = this.#batch.bytes.subarray(begin, begin + this.#pieceBytes);
    writeSome(this.#out, piece).then((result) => this.#onWritten(result, piece.length));
  }

  #onWritten(result: WriteResult, pieceBytes: number): void {
    switch (result.kind) {
      case "wrote":
        this.#batchWritten += result.count;
        if (this.#batchWritten < (this.#batch?.bytes.length ?? 0)) return this.#pump();
        this.#commit(this.#finishBatch());
        break;
      case "busy":
        // Such an output kept the end of a piece of which the pipe had taken a part.
        if (this.#keepsEnd && pieceBytes > ATOMIC_BYTES) {
          this.#pieceBytes = ATOMIC_BYTES;
          this.#dropBatch("the pipe is non-blocking and was full");
          break;
        }
        setTimeout(() => this.#pump(), BUSY_RETRY_MS);
        return;
      case "failed":
        this.#dropBatch(describeCause(result.cause));
        break;
      default:
        result satisfies never;
    }
    // After a failure only a line is a reason to write again. A gap alone waits for the
    // next line, because with a closed pipe this loop would never end.
    if (this.#buffer.some(isLine)) return this.#pump();
    if (result.kind !== "failed" && this.#buffer.length > 0) return this.#pump();
    this.#pausedUntil = performance.now() + PAUSE_MS;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** Removes the batch, and returns its entries. */
  #finishBatch(): readonly RenderedEntry[] {
    const entries = this.#batch?.entries ?? [];
    for (const { entry } of entries) this.#forget(entry);
    this.#batch = undefined;
    this.#batchWritten = 0;
    return entries;
  }

  #forget(entry: Entry): void {
    if (entry.kind === "line") this.#bufferedBytes -= entry.size;
  }

  #commit(entries: readonly RenderedEntry[]): void {
    this.#written += entries.filter(({ entry }) => isLine(entry)).length;
    this.#head = entries.at(-1)?.head ?? this.#head;
  }

  /**
   * Replaces the lines that were not completely written by a gap.
   *
   * @param withBuffer whether all that waits behind the batch is lost as well
   */
  #dropBatch(why: string, withBuffer = false): void {
    const bytes = this.#batchWritten;
    const entries = this.#finishBatch();
    const { count, cutOff } = wholeEntries(entries, bytes);
    this.#commit(entries.slice(0, count));
    const lost = entries.slice(count).map(({ entry }) => entry);
    // What waits behind a gap that cannot be written has no better prospects.
    if (withBuffer || !entries.some(({ entry }) => isLine(entry))) {
      lost.push(...this.#empty());
    }
    const lines = lost.reduce((sum, entry) => sum + linesOf(entry), 0);
    const next = this.#buffer[0];
    if (next?.kind === "gap") next.lines += lines;
    else if (lines > 0) this.#buffer.unshift({ kind: "gap", lines });
    const needsFeed = cutOff || this.#keepsEnd ||
      lost.some(({ kind }) => kind === "line-feed");
    if (needsFeed) this.#buffer.unshift({ kind: "line-feed" });
    const newly = lost.filter(isLine).length;
    if (newly > 0) this.#noteDrop(newly, why);
  }

  /** Takes everything out of the buffer. */
  #empty(): readonly Entry[] {
    const entries = this.#buffer.splice(0);
    entries.forEach((entry) => this.#forget(entry));
    return entries;
  }

  #noteDrop(count: number, why: string): void {
    this.#dropped += count;
    this.#onDrop(count, why);
  }

  #nextBatch() {
    let head = this.#head;
    const entries = this.#buffer.splice(0, this.#batchLength()).map((entry) => {
      const rendered = this.#render(entry, head);
      head = rendered.head;
      return rendered;
    });
    return { entries, bytes: encoder.encode(entries.map(({ text }) => text).join("")) };
  }

  /**
   * What repairs a failed write goes alone, so that as little as possible is unknown if
   * it fails as well. A single byte is written or not.
   */
  #batchLength(): number {
    let size = 0;
    let count = 0;
    for (const entry of this.#buffer) {
      if (!isLine(entry)) return Math.max(count, 1);
      const more = entry.kind === "line" ? entry.text.length : 0;
      if (count > 0 && size + more > MAX_BATCH_UNITS) break;
      size += more;
      count += 1;
    }
    return count;
  }

  #render(entry: Entry, head: string): RenderedEntry {
    switch (entry.kind) {
      case "line":
        return this.#sealed(entry, entry.text, head);
      case "count":
        return this.#sealed(entry, entry.describe(this.#dropped), head);
      case "gap":
        return this.#sealed(entry, this.#describeDrop(entry.lines), head);
      case "line-feed":
        return { entry, text: "\n", head };
      default:
        return entry satisfies never;
    }
  }

  #sealed(entry: Entry, text: string, before: string): RenderedEntry {
    const { head, line } = this.#seal.seal(text, before);
    return { entry, text: `${line}\n`, head };
  }
}

/** Whether it was given to be written, and counts as written or lost. */
function isLine({ kind }: Entry): boolean {
  return kind === "line" || kind === "count";
}

/**
 * How many entries are whole in so many bytes of them; one of which only the line feed is
 * missing is. `cutOff`: the bytes end within a line.
 */
function wholeEntries(
  entries: readonly RenderedEntry[],
  bytes: number,
): { readonly count: number; readonly cutOff: boolean } {
  let end = 0;
  for (const [count, { text }] of entries.entries()) {
    const begin = end;
    end += encoder.encode(text).length;
    if (bytes >= end) continue;
    const isBegun = bytes > begin;
    const isWhole = isBegun && bytes === end - 1;
    return { count: isWhole ? count + 1 : count, cutOff: isBegun };
  }
  return { count: entries.length, cutOff: false };
}

type WriteResult =
  | { readonly kind: "wrote"; readonly count: number }
  | { readonly kind: "busy" }
  | { readonly kind: "failed"; readonly cause: unknown };

async function writeSome(out: ByteWriter, bytes: Uint8Array): Promise<WriteResult> {
  try {
    const count = await out.write(bytes);
    return count > 0 ? { kind: "wrote", count } : { kind: "failed", cause: undefined };
  } catch (cause) {
    // Another process that shares the pipe may have made it non-blocking. Then a full
    // pipe is an error, but a temporary one.
    return cause instanceof Deno.errors.WouldBlock ||
        cause instanceof Deno.errors.Interrupted
      ? { kind: "busy" }
      : { kind: "failed", cause };
  }
}

/** How many lines are lost if this entry is not written. */
function linesOf(entry: Entry): number {
  switch (entry.kind) {
    case "line":
    case "count":
      return 1;
    case "gap":
      return entry.lines;
    case "line-feed":
      return 0;
    default:
      return entry satisfies never;
  }
}

/** Matches nearly every line, four times faster than the loop below. */
const PRINTABLE_ASCII = /^[ -~]*$/;

/** The length that TextEncoder would produce; a lone surrogate becomes U+FFFD. */
function utf8Length(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length;
  let length = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    if (unit < 0x800) length += 1;
    else if (isSurrogatePair(text, at)) {
      length += 2;
      at += 1;
    } else length += 2;
  }
  return length;
}

function isSurrogatePair(text: string, at: number): boolean {
  const point = text.codePointAt(at);
  return point !== undefined && point > 0xffff;
}
