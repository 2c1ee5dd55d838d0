/**
 * The value below or at which a part of all values lies (nearest rank).
 *
 * @param part above 0, at most 1, e.g. 0.99
 * @throws {RangeError} if there is no value
 */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  const found = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
  if (found === undefined) throw new RangeError("Cannot rank no values");
  return found;
}

/**
 * The middle value; of an even number the mean of the two in the middle.
 *
 * @throws {RangeError} if there is no value
 */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const low = sorted[Math.ceil(sorted.length / 2) - 1];
  const high = sorted[Math.floor(sorted.length / 2)];
  if (low === undefined || high === undefined) {
    throw new RangeError("Cannot take the median of no values");
  }
  return (low + high) / 2;
}
