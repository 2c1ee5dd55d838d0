import type { Readable } from "node:stream";

/** Bytes of one read that tell of a writer in a hurry; a pipe holds 64 KiB. */
const FULL = 16 * 1024;

/** Calls back with each whole line of a stream, without its line feed. */
export function onLines(stream: Readable, onLine: (line: string) => void): void {
  let rest: string[] = [];
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const [end = "", ...others] = chunk.split("\n");
    rest.push(end);
    // A dump is one line of many megabytes: put together at its end, and only there.
    for (const begin of others) {
      const line = rest.join("");
      rest = [begin];
      onLine(line);
    }
  });
}

/**
 * Calls back with each whole line of a stream until it ends, with a pause after each
 * read; what comes meanwhile waits in the pipe. A read that shows that the pipe has
 * filled is followed by the next at once.
 */
export async function eachLine(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
  pauseMs = 0,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
    if (chunk.length < FULL) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
