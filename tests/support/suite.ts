/**
 * Which of the two suites runs: `deno task test` is the quick one, `deno task test:all`
 * the full one.
 */

/** `deno task test` and `deno task test:all`. */
export type Suite = "quick" | "all";

/** The variable with the suite. */
export const SUITE = "QUILT_SUITE";

const isQuick = Deno.env.get(SUITE) === "quick";

/** So many rounds or inputs in the full suite, and so many of the same in the quick one. */
export function bounded<Value>(all: Value, quick: Value): Value {
  return isQuick ? quick : all;
}

/** All of a list in the full suite, and the first ones of it in the quick one. */
export function partOf<Item>(all: readonly Item[], quick: number): readonly Item[] {
  return bounded(all, all.slice(0, quick));
}

/** A test of the full suite alone: the quick one skips it, and prints that. */
export function fullTest(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, ignore: isQuick, fn });
}
