/** The bounds of an exponential back-off, in milliseconds. */
export interface Backoff {
  readonly firstMs: number;
  readonly mostMs: number;
}

/**
 * The pause before the next try: it doubles with each.
 *
 * @param tries how many there were, from 1
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const bounds = { firstMs: 10, mostMs: 500 };
 * assert.deepEqual([1, 2, 3, 10].map((tries) => backoffMs(tries, bounds)), [10, 20, 40, 500]);
 * ```
 */
export function backoffMs(tries: number, { firstMs, mostMs }: Backoff): number {
  return Math.min(firstMs * 2 ** (tries - 1), mostMs);
}
