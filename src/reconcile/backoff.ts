import { backoffMs } from "../shared/backoff.ts";
import { IDLE_MS, REPAIR_BACKOFF } from "./limits.ts";

/**
 * How often a key was repaired lately. If another process changes it again and again,
 * repairs come more and more slowly, so that the contention costs next to nothing, and
 * never more slowly than twice a second, so that its end is seen within a second.
 */
export interface RepairHistory {
  /** Repairs in a row, each less than {@linkcode IDLE_MS} after the one before. */
  readonly count: number;
  /** When the last one was made, in milliseconds of a monotonic clock. */
  readonly lastMs: number;
}

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
  return history.lastMs + backoffMs(history.count, REPAIR_BACKOFF);
}

export function isIdle(history: RepairHistory, nowMs: number): boolean {
  return nowMs - history.lastMs >= IDLE_MS;
}
