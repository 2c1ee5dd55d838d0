/** The longest timer that Deno and Node.js have, in milliseconds: 24.8 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const GRAMMAR = /^(\d{1,8})([HMSmun])$/;

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** How long a caller waits for its answer. */
export type RequestTimeout =
  | { readonly kind: "none" }
  /** Not of the form of PROTOCOL-HTTP2.md. */
  | { readonly kind: "malformed" }
  /** Less than a millisecond: it is over when it is read. */
  | { readonly kind: "over" }
  | { readonly kind: "timed" }
  /** More than a timer can wait: in effect there is no deadline. */
  | { readonly kind: "endless" };

/**
 * Reads a `grpc-timeout`: at most 8 digits and a unit, as in PROTOCOL-HTTP2.md.
 *
 * @param header undefined: the request has none
 */
export function readRequestTimeout(header: string | undefined): RequestTimeout {
  if (header === undefined) return { kind: "none" };
  const [, value, unit = ""] = GRAMMAR.exec(header) ?? [];
  const factor = UNIT_MS[unit];
  if (value === undefined || factor === undefined) return { kind: "malformed" };
  const ms = Number(value) * factor;
  if (ms < 1) return { kind: "over" };
  return ms > LONGEST_TIMER_MS ? { kind: "endless" } : { kind: "timed" };
}
