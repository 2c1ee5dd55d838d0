/** Takes lines without ever making the caller wait, and writes them out in order. */
export interface LineSink {
  /** Queues one line, without its line feed; never blocks and never throws. */
  write(line: string): void;
  /** Lines lost since the start: there was no room, or the reader had gone. */
  readonly dropped: number;
  /** Resolves when all is written, or after one second, whichever comes first. */
  flush(): Promise<void>;
}

/** Where the bytes go; `Deno.stderr` and `Deno.stdout` are such. */
export interface ByteWriter {
  /** Writes some of the bytes, at least one, and says how many. */
  write(bytes: Uint8Array): Promise<number>;
}

const FLUSH_LIMIT_MS = 1_000;
/** UTF-16 units a write: what a pipe holds by default, pipe(7). */
const BATCH_UNITS = 64 * 1024;
const BUSY_RETRY_MS = 20;
/** A write costs 50 µs and wakes another thread (measured): under load few must do. */
const REST_MS = 25;

const encoder = new TextEncoder();

/**
 * A sink in front of `out` that holds at most `limit.bytes` bytes of UTF-8.
 *
 * With the backlog full, lines are dropped and counted, until half of it is free again:
 * a reader that is a little too slow costs one line of `describeDrop` an episode, not one
 * a line. Lines that cannot be written, because the disk is full for instance, are counted
 * as well. What is lost is told at its place as soon as something can be written again;
 * a line that was written in part, only to its middle, is one of the lost, and the next
 * one begins a new line. The count is never too small; on standard output it may be too
 * large, because Rust keeps the end of a write that failed, and writes it later.
 */
export function createLineSink(
  out: ByteWriter,
  limit: { readonly bytes: number },
  describeDrop: (count: number) => string = describeDropPlainly,
): LineSink {
  return new BoundedLineSink(out, limit.bytes, describeDrop);
}

/** Writes one line and waits for it, at most one second; never throws. */
export async function writeLine(out: ByteWriter, line: string): Promise<void> {
  const sink = createLineSink(out, { bytes: Infinity });
  sink.write(line);
  await sink.flush();
}

/**
 * Writes a text and waits until its reader has taken all of it, however long that takes:
 * a pager reads on only when a person does.
 *
 * @returns false if the reader has gone, or takes no more
 */
export async function writeWhole(out: ByteWriter, text: string): Promise<boolean> {
  let rest = encoder.encode(text);
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
        return false;
      default:
        result satisfies never;
    }
  }
  return true;
}

function describeDropPlainly(count: number): string {
  return `${count} lines dropped: nobody read them in time`;
}

/** One line that waits, and how many lines are lost if it is never written whole. */
type Entry =
  | { readonly kind: "line"; readonly text: string; readonly size: number }
  /** Tells of lines that are lost; how many is known when it is written. */
  | { readonly kind: "gap"; lines: number }
  /** Ends a line of which only the beginning was written. */
  | { readonly kind: "end-of-torn-line" };

/** An entry as it is written. */
interface Part {
  readonly entry: Entry;
  readonly text: string;
}

class BoundedLineSink implements LineSink {
  readonly #out: ByteWriter;
  readonly #limit: number;
  readonly #describeDrop: (count: number) => string;
  readonly #backlog: Entry[] = [];
  /** What is being written, and how many of its bytes are out already. */
  #batch: { readonly parts: readonly Part[]; readonly bytes: Uint8Array } | undefined;
  #written = 0;
  /** Bytes of UTF-8 of the lines in the backlog and the batch. */
  #held = 0;
  #dropped = 0;
  #full = false;
  #restUntil = 0;
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
    const noRoom = this.#held + size > this.#limit;
    if (noRoom || (this.#full && this.#held > this.#limit / 2)) {
      this.#full = true;
      this.#dropped += 1;
      const last = this.#backlog.at(-1);
      if (last?.kind === "gap") last.lines += 1;
      else this.#backlog.push({ kind: "gap", lines: 1 });
    } else {
      this.#full = false;
      this.#backlog.push({ kind: "line", text, size });
      this.#held += size;
    }
    this.#wake();
  }

  async flush(): Promise<void> {
    // A gap that could not be told before gets another try: this may be the last one.
    this.#wake();
    // Taken first: in Deno 2.9.3 a process's first setTimeout() runs waiting microtasks.
    const idle = this.#idle?.promise;
    if (idle === undefined) return;
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, FLUSH_LIMIT_MS);
    await Promise.race([idle, timeout.promise]);
    clearTimeout(timer);
  }

  #wake(): void {
    if (this.#idle !== undefined || this.#backlog.length === 0) return;
    this.#idle = Promise.withResolvers();
    // The caller answers first, and a burst of lines becomes one write.
    const rest = Math.max(0, this.#restUntil - performance.now());
    setTimeout(() => this.#pump(), rest);
  }

  #pump(): void {
    this.#batch ??= this.#nextBatch();
    const rest = this.#batch.bytes.subarray(this.#written);
    writeSome(this.#out, rest).then((result) => this.#account(result));
  }

  #account(result: WriteResult): void {
    switch (result.kind) {
      case "wrote":
        this.#written += result.count;
        if (this.#written < (this.#batch?.bytes.length ?? 0)) return this.#pump();
        this.#release();
        break;
      case "busy":
        setTimeout(() => this.#pump(), BUSY_RETRY_MS);
        return;
      case "failed":
        this.#loseBatch();
        break;
      default:
        result satisfies never;
    }
    // What was lost last is told beside the next line: a reader that has gone would keep
    // this loop turning for ever.
    if (this.#backlog.some(({ kind }) => kind === "line")) return this.#pump();
    if (result.kind === "wrote" && this.#backlog.length > 0) return this.#pump();
    this.#restUntil = performance.now() + REST_MS;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** Forgets the batch: its lines are written, or counted as lost. */
  #release(): readonly Part[] {
    const parts = this.#batch?.parts ?? [];
    for (const { entry } of parts) if (entry.kind === "line") this.#held -= entry.size;
    this.#batch = undefined;
    this.#written = 0;
    return parts;
  }

  /** What of the batch was not written whole becomes a gap in front of the backlog. */
  #loseBatch(): void {
    let written = this.#written;
    let torn = false;
    let lines = 0;
    for (const { entry, text } of this.#release()) {
      const size = encoder.encode(text).length;
      if (written >= size) {
        written -= size;
        continue;
      }
      torn ||= written > 0 || entry.kind === "end-of-torn-line";
      // Where only the line feed is missing, nothing is lost.
      if (written < size - 1) {
        if (entry.kind === "line") this.#dropped += 1;
        lines += linesIn(entry);
      }
      written = 0;
    }
    const next = this.#backlog[0];
    if (next?.kind === "gap") next.lines += lines;
    else if (lines > 0) this.#backlog.unshift({ kind: "gap", lines });
    if (torn) this.#backlog.unshift({ kind: "end-of-torn-line" });
  }

  #nextBatch() {
    let size = 0;
    let count = 0;
    for (const entry of this.#backlog) {
      const more = entry.kind === "line" ? entry.text.length : 0;
      if (count > 0 && size + more > BATCH_UNITS) break;
      size += more;
      count += 1;
    }
    const parts = this.#backlog.splice(0, count)
      .map((entry): Part => ({ entry, text: this.#render(entry) }));
    return { parts, bytes: encoder.encode(parts.map(({ text }) => text).join("")) };
  }

  #render(entry: Entry): string {
    switch (entry.kind) {
      case "line":
        return `${entry.text}\n`;
      case "gap":
        return `${this.#describeDrop(entry.lines)}\n`;
      case "end-of-torn-line":
        return "\n";
      default:
        return entry satisfies never;
    }
  }
}

type WriteResult =
  | { readonly kind: "wrote"; readonly count: number }
  | { readonly kind: "busy" }
  | { readonly kind: "failed" };

async function writeSome(out: ByteWriter, bytes: Uint8Array): Promise<WriteResult> {
  try {
    const count = await out.write(bytes);
    return count > 0 ? { kind: "wrote", count } : { kind: "failed" };
  } catch (cause) {
    // Another process that shares the pipe may have made it non-blocking: then a full
    // pipe is an error, and the only one that passes by itself.
    return cause instanceof Deno.errors.WouldBlock ||
        cause instanceof Deno.errors.Interrupted
      ? { kind: "busy" }
      : { kind: "failed" };
  }
}

/** How many lines nobody sees if this is not written. */
function linesIn(entry: Entry): number {
  switch (entry.kind) {
    case "line":
      return 1;
    case "gap":
      return entry.lines;
    case "end-of-torn-line":
      return 0;
    default:
      return entry satisfies never;
  }
}

/** Nearly every line: for these a look at each character would take four times as long. */
const PRINTABLE = /^[ -~]*$/;

/** As TextEncoder would have it (a lone surrogate becomes U+FFFD), without encoding. */
function utf8Length(text: string): number {
  if (PRINTABLE.test(text)) return text.length;
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
