import type { Readable } from "node:stream";

/** Bytes of one read that tell of a writer in a hurry; a pipe holds 64 KiB. */
const FULL = 16 * 1024;

/** What a reader of lines does with them. */
export interface LineReader {
  /** Takes a whole line, without its line feed and a carriage return before it. */
  onLine(line: string): void;
  /** Characters that a line may have; with more of them it is given up. */
  readonly limit: number;
  /** Told once of each line that is longer; what is left of it is dropped. */
  onOverflow(): void;
}

/** Calls back with each whole line of a stream. */
export function onLines(stream: Readable, reader: LineReader): void {
  const assembly = new Assembly(reader);
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => assembly.take(chunk));
  // One that breaks ends; who started the process hears of that from the process.
  stream.on("error", () => {});
}

/** Puts lines together from chunks, and holds no more than the limit of any. */
class Assembly {
  readonly #reader: LineReader;
  #parts: string[] = [];
  #length = 0;
  #dropping = false;

  constructor(reader: LineReader) {
    this.#reader = reader;
  }

  take(chunk: string): void {
    const [end = "", ...others] = chunk.split("\n");
    this.#add(end);
    // A dump is one line of many megabytes: put together at its end, and only there.
    for (const begin of others) {
      const line = this.#parts.join("");
      const dropped = this.#dropping;
      [this.#parts, this.#length, this.#dropping] = [[], 0, false];
      if (!dropped) this.#reader.onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
      this.#add(begin);
    }
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
 * read; what comes meanwhile waits in the pipe. A read that shows that the pipe has
 * filled is followed by the next at once.
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
    if (chunk.length < FULL) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
