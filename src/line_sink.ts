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
const LINE_FEED = 0x0a;

const encoder = new TextEncoder();

/**
 * A sink in front of `out` that holds at most `limit.bytes` bytes of UTF-8.
 *
 * With the backlog full, lines are dropped and counted. Only when half of it is free
 * again are lines taken, beginning with one that `describeDrop` makes of the count: a
 * reader that is a little too slow costs one such line an episode, not one a line.
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

class BoundedLineSink implements LineSink {
  readonly #out: ByteWriter;
  readonly #limit: number;
  readonly #describeDrop: (count: number) => string;
  #backlog: string[] = [];
  /** What is left of the batch being written. */
  #batch: Uint8Array = new Uint8Array(0);
  /** Bytes of UTF-8 in the backlog and the batch. */
  #held = 0;
  #dropped = 0;
  #untold = 0;
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

  write(line: string): void {
    if (this.#full && this.#held > this.#limit / 2) return this.#lose(1);
    this.#full = false;
    this.#tellDrops();
    if (!this.#take(line)) {
      this.#full = true;
      this.#lose(1);
    }
    this.#wake();
  }

  async flush(): Promise<void> {
    // Taken first: in Deno 2.9.3 a process's first setTimeout() runs waiting microtasks.
    const idle = this.#idle?.promise;
    if (idle === undefined) return;
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, FLUSH_LIMIT_MS);
    await Promise.race([idle, timeout.promise]);
    clearTimeout(timer);
  }

  #take(line: string): boolean {
    const size = utf8Length(line) + 1;
    if (this.#held + size > this.#limit) return false;
    this.#backlog.push(line);
    this.#held += size;
    return true;
  }

  #lose(count: number): void {
    this.#dropped += count;
    this.#untold += count;
  }

  #tellDrops(): void {
    if (this.#untold > 0 && this.#take(this.#describeDrop(this.#untold))) {
      this.#untold = 0;
    }
  }

  #wake(): void {
    if (this.#idle !== undefined || this.#backlog.length === 0) return;
    this.#idle = Promise.withResolvers();
    // The caller answers first, and a burst of lines becomes one write.
    const rest = Math.max(0, this.#restUntil - performance.now());
    setTimeout(() => this.#pump(), rest);
  }

  #pump(): void {
    if (this.#batch.length === 0) this.#batch = this.#nextBatch();
    writeSome(this.#out, this.#batch).then((result) => this.#account(result));
  }

  #account(result: WriteResult): void {
    switch (result.kind) {
      case "wrote":
        this.#settle(result.count);
        // Nobody may ever write again, so a gap is told as soon as it is over.
        if (this.#held === 0) this.#tellDrops();
        break;
      case "busy":
        setTimeout(() => this.#pump(), BUSY_RETRY_MS);
        return;
      case "failed":
        // Not told now: a reader that has gone would keep this loop turning for ever.
        this.#lose(countLines(this.#batch));
        this.#settle(this.#batch.length);
        break;
      default:
        result satisfies never;
    }
    if (this.#held > 0) return this.#pump();
    this.#restUntil = performance.now() + REST_MS;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  #settle(bytes: number): void {
    this.#batch = this.#batch.subarray(bytes);
    this.#held -= bytes;
  }

  #nextBatch(): Uint8Array {
    let size = 0;
    let lines = 0;
    for (const line of this.#backlog) {
      if (lines > 0 && size + line.length > BATCH_UNITS) break;
      size += line.length;
      lines += 1;
    }
    return encoder.encode(this.#backlog.splice(0, lines).join("\n") + "\n");
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

function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (const byte of bytes) if (byte === LINE_FEED) lines += 1;
  return lines;
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
