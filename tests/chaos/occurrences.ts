import assert from "node:assert/strict";

/** How often something happened in a test, and how often it must at least. */
export type Occurrences = Readonly<
  Record<string, readonly [count: number, least: number]>
>;

/** Fails if something occurred too rarely, because the test has shown nothing then. */
export function assertOccurred(occurrences: Occurrences): void {
  const rare = Object.entries(occurrences).filter(([, [count, least]]) =>
    count < least
  );
  const shown = Object.entries(occurrences).map(([what, [count]]) =>
    `${count} ${what}`
  );
  assert.deepEqual(rare, [], `too rare, of: ${shown.join(", ")}`);
}
