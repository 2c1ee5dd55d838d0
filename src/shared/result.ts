/** The outcome of a check or of an attempt: a value, or the reason why there is none. */
export type Result<Value, Fault> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly fault: Fault };

/** A result that has a value. */
export function ok<Value>(
  value: Value,
): { readonly ok: true; readonly value: Value } {
  return { ok: true, value };
}

/** A result that has a fault. */
export function err<Fault>(
  fault: Fault,
): { readonly ok: false; readonly fault: Fault } {
  return { ok: false, fault };
}
