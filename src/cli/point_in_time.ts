import { quote } from "../shared/quote.ts";
import { err, ok, type Result } from "../shared/result.ts";

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** RFC 3339 with a date, and a time zone where there is a time. */
const ABSOLUTE =
  /^(\d{4}-\d\d-\d\d)(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/i;

/**
 * Reads `2026-11-29T10:00:00Z`, `2026-11-29` (its first moment in UTC), or a time that has
 * passed, `90s`, `15m`, `2h`, `3d`.
 *
 * @param option its name, for the fault
 * @param nowMs as `Date.now()`
 * @returns milliseconds since 1970, UTC; or the fault in one sentence
 */
export function readPointInTime(
  option: string,
  text: string,
  nowMs: number,
): Result<number, string> {
  const [, count, unit = ""] = /^([0-9]{1,9})([smhd])$/.exec(text) ?? [];
  const unitMs = UNITS[unit];
  if (count !== undefined && unitMs !== undefined) {
    return ok(nowMs - Number(count) * unitMs);
  }
  const [, date] = ABSOLUTE.exec(text) ?? [];
  const atMs = date !== undefined && isDate(date)
    ? Date.parse(text.replace(" ", "T"))
    : NaN;
  if (!Number.isNaN(atMs)) return ok(atMs);
  return err(
    `Invalid --${option} ${quote(text)}; use RFC 3339 such as 2026-11-29T10:00:00Z, ` +
      "or how long ago, such as 15m",
  );
}

/** `Date.parse` takes 2026-02-30 for the second of March. */
function isDate(date: string): boolean {
  const atMs = Date.parse(`${date}T00:00:00Z`);
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(date);
}
