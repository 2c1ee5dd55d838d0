import type { ByteWriter } from "../../src/observability/buffered_line_writer.ts";

/** The bytes that Rust's LineWriter holds back. */
const CAPACITY = 1024;
const LINE_FEED = 10;

/**
 * Behaves as `Deno.stdout` does over a file descriptor: Rust's `LineWriter`, a write and a
 * flush. If the descriptor takes a part only, up to 1 KiB of the rest is held back, the
 * flush fails, and the next write begins with what is held back.
 *
 * @param descriptor takes some of the bytes, at least one, and returns how many
 */
export function rustStdout(descriptor: (bytes: Uint8Array) => number): ByteWriter {
  let held = new Uint8Array();
  const flush = (): void => {
    while (held.length > 0) held = held.slice(descriptor(held));
  };
  const hold = (bytes: Uint8Array): void => void (held = Uint8Array.from(bytes));
  const write = (bytes: Uint8Array): number => {
    flush();
    const end = bytes.lastIndexOf(LINE_FEED) + 1 || bytes.length;
    const taken = descriptor(bytes.subarray(0, end));
    let rest = taken < end ? bytes.subarray(taken, end) : bytes.subarray(taken);
    if (rest.length > CAPACITY) {
      const most = rest.subarray(0, CAPACITY);
      rest = most.subarray(0, most.lastIndexOf(LINE_FEED) + 1 || CAPACITY);
    }
    hold(rest);
    flush();
    return taken + rest.length;
  };
  // The executor runs at once, and what it throws rejects.
  return { write: (bytes) => new Promise((resolve) => resolve(write(bytes))) };
}
