/**
 * How often a key was repaired lately. If another process changes it again and again,
 * repairs come more and more slowly, so that the contention costs next to nothing, and
 * never more slowly than twice a second, so that its end is seen within a second.
 */
export interface RepairHistory {
  /** Repairs in a row, each less than {@link IDLE_MS} after the one before. */
  readonly count: number;
  /** When the last one was made, in milliseconds of a monotonic clock. */
  readonly lastMs: number;
}

/** Milliseconds without a repair after which the history begins anew. */
export const IDLE_MS = 5000;

/** From so many repairs in a row on it is contention, and logged once. */
export const CONTENTION_COUNT = 4;

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 500;

/** The history with one repair more. */
export function afterRepair(
  history: RepairHistory | undefined,
  nowMs: number,
): RepairHistory {
  const inARow = history !== undefined && !isIdle(history, nowMs);
  return { count: inARow ? history.count + 1 : 1, lastMs: nowMs };
}

/** When the next repair may be made; the first is immediate. */
export function dueMs(history: RepairHistory | undefined): number {
  if (history === undefined) return 0;
  const pause = FIRST_PAUSE_MS * 2 ** (history.count - 1);
  return history.lastMs + Math.min(pause, LONGEST_PAUSE_MS);
}

export function isIdle(history: RepairHistory, nowMs: number): boolean {
  return nowMs - history.lastMs >= IDLE_MS;
}
