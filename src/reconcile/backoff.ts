/**
 * How often a route has been put right lately. Somebody who takes it away again and
 * again is answered more and more slowly, so that a fight costs next to nothing, and
 * never more slowly than twice a second, so that its end is seen within a second.
 */
export interface Repairs {
  /** Repairs in a row, each less than {@link CALM_MS} after the one before. */
  readonly count: number;
  /** When the last one was made, in milliseconds of a monotonic clock. */
  readonly lastMs: number;
}

/** After so long without a repair a route counts as calm. */
export const CALM_MS = 5000;

/** From so many repairs in a row on it is a fight, and said once. */
export const FIGHT_COUNT = 4;

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 500;

/** The history with one repair more. */
export function afterRepair(repairs: Repairs | undefined, nowMs: number): Repairs {
  const inARow = repairs !== undefined && !isCalm(repairs, nowMs);
  return { count: inARow ? repairs.count + 1 : 1, lastMs: nowMs };
}

/** When the next repair may be made; the first is immediate. */
export function dueMs(repairs: Repairs | undefined): number {
  if (repairs === undefined) return 0;
  const pause = FIRST_PAUSE_MS * 2 ** (repairs.count - 1);
  return repairs.lastMs + Math.min(pause, LONGEST_PAUSE_MS);
}

export function isCalm(repairs: Repairs, nowMs: number): boolean {
  return nowMs - repairs.lastMs >= CALM_MS;
}
