import type { Readable } from "node:stream";

/** A read of this many bytes shows that the pipe is filling up; it holds 64 KiB. */
const FULL_READ = 16 * 1024;

/** The handlers of the lines of a stream. */
export interface LineReader {
  /** Called with a whole line, without its line feed and a carriage return before it. */
  onLine(line: string): void;
  /** UTF-16 units that a line may have; a longer one is dropped. */
  readonly limit: number;
  /** Called once for each line that is dropped. */
  onOverflow(): void;
}

/** Calls back with each whole line of a stream. */
export function onLines(stream: Readable, reader: LineReader): void {
  const assembly = new Assembly(reader);
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => assembly.take(chunk));
  // A broken stream ends, and its process reports why it exited.
  stream.on("error", () => {});
}

/** Assembles lines from chunks, and keeps no more of a line than the limit. */
class Assembly {
  readonly #reader: LineReader;
  #parts: string[] = [];
  #length = 0;
  #dropping = false;

  constructor(reader: LineReader) {
    this.#reader = reader;
  }

  take(chunk: string): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf("\n", start);
      if (end < 0) break;
      this.#add(chunk.slice(start, end));
      this.#finishLine();
      start = end + 1;
    }
    if (start < chunk.length) this.#add(chunk.slice(start));
  }

  #finishLine(): void {
    // A dump is one line of many megabytes, so its parts are joined only once.
    const [first = "", ...others] = this.#parts;
    const line = others.length === 0 ? first : this.#parts.join("");
    const dropped = this.#dropping;
    [this.#parts, this.#length, this.#dropping] = [[], 0, false];
    if (!dropped) this.#reader.onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
  }

  #add(part: string): void {
    if (this.#dropping) return;
    this.#parts.push(part);
    this.#length += part.length;
    if (this.#length <= this.#reader.limit) return;
    [this.#parts, this.#dropping] = [[], true];
    this.#reader.onOverflow();
  }
}

/**
 * Calls back with each whole line of a stream until it ends, with a pause after each
 * read, while later output waits in the pipe. If the pipe is filling up, the next read
 * follows at once.
 */
export async function eachLine(
  stream: ReadableStream<Uint8Array>,
  reader: LineReader,
  pauseMs = 0,
): Promise<void> {
  const decoder = new TextDecoder();
  const assembly = new Assembly(reader);
  for await (const chunk of stream) {
    assembly.take(decoder.decode(chunk, { stream: true }));
    if (chunk.length < FULL_READ) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
