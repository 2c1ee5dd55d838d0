import assert from "node:assert/strict";

/** How often something happened in a test, and how often it must at least. */
export type Met = Readonly<Record<string, readonly [count: number, least: number]>>;

/** A test that meets too little of what it is about has shown nothing. */
export function assertMet(met: Met): void {
  const rare = Object.entries(met).filter(([, [count, least]]) => count < least);
  const shown = Object.entries(met).map(([what, [count]]) => `${count} ${what}`);
  assert.deepEqual(rare, [], `met too seldom, of: ${shown.join(", ")}`);
}
