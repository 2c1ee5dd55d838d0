/** Writes lines in order, and never makes the caller wait. */
export interface LineWriter {
  /** Queues one line, without its line feed; never blocks and never throws. */
  write(line: string): void;
  /** How many lines were lost: the buffer was full, or the write failed. */
  readonly dropped: number;
  /** Resolves when the buffer is empty, or after one second. */
  flush(): Promise<void>;
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

const encoder = new TextEncoder();

/**
 * Creates a writer whose buffer holds at most `limit.bytes` bytes of UTF-8.
 *
 * If the buffer is full, the writer drops and counts lines until half of the buffer is
 * free again, so that a slow reader gets one line of `describeDrop` per episode instead
 * of one per line. It also counts lines whose write fails, for instance because the disk
 * is full. It writes the count at the position of the lost lines as soon as a write
 * succeeds. A line that was written in part counts as lost, and the next one begins a new
 * line. The count is never too small. On standard output it may be too large, because
 * Rust keeps the end of a failed write and writes it later.
 */
export function createBufferedLineWriter(
  out: ByteWriter,
  limit: { readonly bytes: number },
  describeDrop: (count: number) => string = describeDroppedLines,
): LineWriter {
  return new BufferedLineWriter(out, limit.bytes, describeDrop);
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
  return `${count} lines were dropped because their reader was too slow`;
}

/** An element of the buffer. */
type Entry =
  | { readonly kind: "line"; readonly text: string; readonly size: number }
  /** Stands for lost lines; their number may still grow until it is written. */
  | { readonly kind: "gap"; lines: number }
  /** The line feed behind a line of which only the beginning was written. */
  | { readonly kind: "end-of-partial-line" };

/** An entry and its rendered text. */
interface RenderedEntry {
  readonly entry: Entry;
  readonly text: string;
}

class BufferedLineWriter implements LineWriter {
  readonly #out: ByteWriter;
  readonly #limit: number;
  readonly #describeDrop: (count: number) => string;
  readonly #buffer: Entry[] = [];
  /** The entries that are being written, and how many of their bytes are written. */
  #batch:
    | { readonly entries: readonly RenderedEntry[]; readonly bytes: Uint8Array }
    | undefined;
  #written = 0;
  /** Bytes of UTF-8 of the lines in the buffer and the batch. */
  #bufferedBytes = 0;
  #dropped = 0;
  #full = false;
  #pausedUntil = 0;
  /** Resolves when the buffer is empty; undefined while no write is scheduled. */
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(out: ByteWriter, limit: number, describeDrop: (count: number) => string) {
    this.#out = out;
    this.#limit = limit;
    this.#describeDrop = describeDrop;
  }

  get dropped(): number {
    return this.#dropped;
  }

  write(text: string): void {
    const size = utf8Length(text) + 1;
    const noRoom = this.#bufferedBytes + size > this.#limit;
    if (noRoom || (this.#full && this.#bufferedBytes > this.#limit / 2)) {
      this.#full = true;
      this.#dropped += 1;
      const last = this.#buffer.at(-1);
      if (last?.kind === "gap") last.lines += 1;
      else this.#buffer.push({ kind: "gap", lines: 1 });
    } else {
      this.#full = false;
      this.#buffer.push({ kind: "line", text, size });
      this.#bufferedBytes += size;
    }
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

  #schedule(): void {
    if (this.#idle !== undefined || this.#buffer.length === 0) return;
    this.#idle = Promise.withResolvers();
    // In a timer, so that the caller continues first and a burst becomes one write.
    const pause = Math.max(0, this.#pausedUntil - performance.now());
    setTimeout(() => this.#pump(), pause);
  }

  #pump(): void {
    this.#batch ??= this.#nextBatch();
    const rest = this.#batch.bytes.subarray(this.#written);
    writeSome(this.#out, rest).then((result) => this.#onWritten(result));
  }

  #onWritten(result: WriteResult): void {
    switch (result.kind) {
      case "wrote":
        this.#written += result.count;
        if (this.#written < (this.#batch?.bytes.length ?? 0)) return this.#pump();
        this.#finishBatch();
        break;
      case "busy":
        setTimeout(() => this.#pump(), BUSY_RETRY_MS);
        return;
      case "failed":
        this.#dropBatch();
        break;
      default:
        result satisfies never;
    }
    // After a failure only a line is a reason to write again. A gap alone waits for the
    // next line, because with a closed pipe this loop would never end.
    if (this.#buffer.some(({ kind }) => kind === "line")) return this.#pump();
    if (result.kind === "wrote" && this.#buffer.length > 0) return this.#pump();
    this.#pausedUntil = performance.now() + PAUSE_MS;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** Removes the batch, and returns its entries. */
  #finishBatch(): readonly RenderedEntry[] {
    const entries = this.#batch?.entries ?? [];
    for (const { entry } of entries) {
      if (entry.kind === "line") this.#bufferedBytes -= entry.size;
    }
    this.#batch = undefined;
    this.#written = 0;
    return entries;
  }

  /** Replaces the lines that were not completely written by a gap. */
  #dropBatch(): void {
    let written = this.#written;
    let partial = false;
    let lines = 0;
    for (const { entry, text } of this.#finishBatch()) {
      const size = encoder.encode(text).length;
      if (written >= size) {
        written -= size;
        continue;
      }
      partial ||= written > 0 || entry.kind === "end-of-partial-line";
      // If only the line feed is missing, the line is not lost.
      if (written < size - 1) {
        if (entry.kind === "line") this.#dropped += 1;
        lines += linesOf(entry);
      }
      written = 0;
    }
    const next = this.#buffer[0];
    if (next?.kind === "gap") next.lines += lines;
    else if (lines > 0) this.#buffer.unshift({ kind: "gap", lines });
    if (partial) this.#buffer.unshift({ kind: "end-of-partial-line" });
  }

  #nextBatch() {
    let size = 0;
    let count = 0;
    for (const entry of this.#buffer) {
      const more = entry.kind === "line" ? entry.text.length : 0;
      if (count > 0 && size + more > MAX_BATCH_UNITS) break;
      size += more;
      count += 1;
    }
    const entries = this.#buffer.splice(0, count)
      .map((entry): RenderedEntry => ({ entry, text: this.#render(entry) }));
    return { entries, bytes: encoder.encode(entries.map(({ text }) => text).join("")) };
  }

  #render(entry: Entry): string {
    switch (entry.kind) {
      case "line":
        return `${entry.text}\n`;
      case "gap":
        return `${this.#describeDrop(entry.lines)}\n`;
      case "end-of-partial-line":
        return "\n";
      default:
        return entry satisfies never;
    }
  }
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
      return 1;
    case "gap":
      return entry.lines;
    case "end-of-partial-line":
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
