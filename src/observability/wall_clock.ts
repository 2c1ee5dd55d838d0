/** The clock of the system is set now and then; less is within what `Date.now()` cuts. */
const MOST_DRIFT_MS = 2;

let originMs = performance.timeOrigin;

/**
 * Milliseconds since 1970 with their fractions, which `Date.now()` does not have. It runs
 * evenly, unless the clock of the system is set.
 */
export function wallClockMs(): number {
  const elapsedMs = performance.now();
  const driftMs = Date.now() - (originMs + elapsedMs);
  if (Math.abs(driftMs) > MOST_DRIFT_MS) originMs += driftMs;
  return originMs + elapsedMs;
}
