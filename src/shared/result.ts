/** What a check makes of a value: the value in its checked type, or the fault. */
export type Result<Value, Fault> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly fault: Fault };

/** The good outcome. */
export function ok<Value>(
  value: Value,
): { readonly ok: true; readonly value: Value } {
  return { ok: true, value };
}

/** The bad outcome. */
export function err<Fault>(
  fault: Fault,
): { readonly ok: false; readonly fault: Fault } {
  return { ok: false, fault };
}
