/** Shows that long work goes on, where a terminal is there to see it. */
import { writeAll } from "../observability/buffered_line_writer.ts";

/** Work that is done sooner needs no bar. */
const SOON_MS = 400;

const FRAME_MS = 120;

const WIDTH = 24;

/** Runs the work, and draws a bar on standard error while it goes on. */
export async function withProgress<Value>(
  what: string,
  work: () => Promise<Value>,
): Promise<Value> {
  if (!Deno.stderr.isTerminal()) return await work();
  const startedMs = performance.now();
  let drawn = false;
  const timer = setInterval(() => {
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs < SOON_MS) return;
    drawn = true;
    void writeAll(Deno.stderr, `\r${bar(what, elapsedMs)}`);
  }, FRAME_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    if (drawn) await writeAll(Deno.stderr, "\r\u001b[K");
  }
}

/** How far it is nobody knows before the answer: the bar shows that it goes on. */
export function bar(what: string, elapsedMs: number): string {
  const period = 2 * (WIDTH - 3);
  const step = Math.floor(elapsedMs / FRAME_MS) % period;
  const at = Math.min(step, period - step);
  const filled = `${" ".repeat(at)}===`.padEnd(WIDTH);
  return `${what} [${filled}] ${Math.floor(elapsedMs / 1000)} s`;
}
