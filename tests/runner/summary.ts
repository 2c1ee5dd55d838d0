/** What a run of tests came to. */
export interface Summary {
  readonly passed: number;
  readonly failed: number;
  /** Tests that `deno test` calls ignored. */
  readonly skipped: number;
}

/** The closing line that CI reads: `12 passed, 0 failed`, and `, 1 skipped` if any. */
export function closingLine({ passed, failed, skipped }: Summary): string {
  const line = `${passed} passed, ${failed} failed`;
  return skipped === 0 ? line : `${line}, ${skipped} skipped`;
}
