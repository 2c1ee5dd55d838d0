/** What a run of `deno test` came to. */
export interface Summary {
  readonly passed: number;
  readonly failed: number;
  /** Tests that `deno test` calls ignored. */
  readonly skipped: number;
}

/**
 * Reads the last summary in the output of `deno test`, e.g.
 * `ok | 12 passed (3 steps) | 0 failed | 1 ignored (3s)`; colours do not matter.
 *
 * @returns `undefined` when there is none: no test file, or a crash of the runner.
 */
export function readSummary(output: string): Summary | undefined {
  const plain = output.replaceAll(new RegExp(`${"\\u001b"}\\[[0-9;]*m`, "g"), "");
  const line = plain.split("\n")
    .findLast((line) => /^(ok|FAILED) \| \d+ passed\b.* \| \d+ failed\b/.test(line));
  if (line === undefined) return undefined;
  const count = (word: string): number =>
    Number(new RegExp(`\\| (\\d+) ${word}\\b`).exec(line)?.[1] ?? 0);
  return {
    passed: count("passed"),
    failed: count("failed"),
    skipped: count("ignored"),
  };
}

/** The closing line that CI reads: `12 passed, 0 failed`, and `, 1 skipped` if any. */
export function closingLine({ passed, failed, skipped }: Summary): string {
  const line = `${passed} passed, ${failed} failed`;
  return skipped === 0 ? line : `${line}, ${skipped} skipped`;
}
