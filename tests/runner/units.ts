/** The units of a test run: what is run in one process, side by side with others. */
import { type Random, randomOf } from "../support/random.ts";
import { type Tool, TOOLS } from "../support/tools.ts";

/** What is run in one process. */
export interface Unit {
  /** Tests run in namespaces of their own; a check reads the sources. */
  readonly kind: "tests" | "check";
  /** What people call it: the path of its file, or what is checked. */
  readonly name: string;
  /** The words of `deno test`, or of `deno`. */
  readonly words: readonly string[];
  readonly needs: readonly Tool[];
  /** It compares times with one another: nothing else runs beside it. */
  readonly alone: boolean;
  /** It takes a minute or more, so it begins before the others. */
  readonly long: boolean;
}

function check(name: string, words: readonly string[]): Unit {
  return { kind: "check", name, words, needs: [], alone: false, long: true };
}

/** The types of some files, and of what they import. */
export function typesOf(paths: readonly string[]): Unit {
  return check("types", ["check", "--frozen", "--quiet", ...paths]);
}

/** Format, lint and types. */
export const CHECKS: readonly Unit[] = [
  check("format", ["fmt", "--check"]),
  check("lint", ["lint", "--quiet"]),
  typesOf(["src", "tests", "deploy", "demo"]),
];

const TEST = ["--frozen", "--cached-only", "--allow-all"];

/** The examples in the documentation of `src`. */
export const EXAMPLES: Unit = {
  ...{ kind: "tests", name: "src", words: [...TEST, "--no-check", "--doc", "src"] },
  ...{ needs: [], alone: false, long: false },
};

/**
 * A file of tests, which says of itself, in tags of its own comments: `@alone` if it
 * compares times, `@long` if it takes a minute or more, `@needs go python` if these have
 * to be there.
 */
export function unitOf(path: string, text: string): Unit {
  return {
    kind: "tests",
    name: path,
    words: [...TEST, path],
    needs: TOOLS.filter((tool) => wordsOf("needs", text)?.includes(tool)),
    alone: wordsOf("alone", text) !== undefined,
    long: wordsOf("long", text) !== undefined,
  };
}

/** What stands behind a tag; undefined if there is none. */
function wordsOf(tag: string, text: string): readonly string[] | undefined {
  return new RegExp(`^(?:/\\*| )\\* @${tag}\\b(.*?)(?: \\*/)?$`, "m").exec(text)
    ?.[1]?.trim().split(/\s+/);
}

/**
 * The order in which units begin: those that take long first, those that measure time
 * last; otherwise as the seed decides.
 */
export function orderOf(units: readonly Unit[], seed: number): readonly Unit[] {
  const rank = ({ alone, long }: Unit): number => alone ? 2 : long ? 0 : 1;
  return shuffle(units, randomOf(seed))
    .toSorted((one, other) => rank(one) - rank(other));
}

/** Fisher and Yates, in Durstenfeld's form. */
function shuffle<Item>(items: readonly Item[], random: Random): readonly Item[] {
  const left = [...items];
  const shuffled: Item[] = [];
  while (left.length > 0) {
    shuffled.push(...left.splice(Math.floor(random() * left.length), 1));
  }
  return shuffled;
}
