import { setInterval } from "node:timers/promises";

/** How {@linkcode until} waits. */
export interface UntilOptions {
  /** Milliseconds after which waiting has failed. @default {15000} */
  readonly deadlineMs?: number;
  /** What was waited for: ends the sentence "Waited … ms in vain for". */
  readonly what: string | (() => string);
  /** Milliseconds between two checks. @default {10} */
  readonly everyMs?: number;
}

/**
 * Checks repeatedly until the condition returns anything but `false` or
 * `undefined`, and returns that answer.
 *
 * @example
 * ```ts ignore
 * const route = await until(() => routeTo("10.42.2.0/24"), { what: "the route" });
 * ```
 *
 * @throws {Error} when the deadline passes first; whatever the condition itself throws.
 */
export async function until<Found>(
  condition: () => Found | false | undefined | Promise<Found | false | undefined>,
  { what, deadlineMs = 15_000, everyMs = 10 }: UntilOptions,
): Promise<Found> {
  const end = performance.now() + deadlineMs;
  const first = await condition();
  if (first !== false && first !== undefined) return first;
  for await (const _ of setInterval(everyMs)) {
    const found = await condition();
    if (found !== false && found !== undefined) return found;
    if (performance.now() > end) break;
  }
  const missed = typeof what === "string" ? what : what();
  throw new Error(`Waited ${deadlineMs} ms in vain for ${missed}`);
}
