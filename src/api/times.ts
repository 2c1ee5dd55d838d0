/** Times and durations as messages. */
import type { Duration } from "./gen/google/protobuf/Duration.ts";
import type { Timestamp } from "./gen/google/protobuf/Timestamp.ts";

/** @param ms milliseconds since 1970, UTC */
export function toTimestamp(ms: number): Timestamp {
  return secondsAndNanos(ms);
}

/** @param ms milliseconds, not negative */
export function toDuration(ms: number): Duration {
  return secondsAndNanos(ms);
}

/** The nanoseconds count forward from the second, also before 1970. */
function secondsAndNanos(
  ms: number,
): { readonly seconds: number; readonly nanos: number } {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}
