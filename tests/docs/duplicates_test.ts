/**
 * Each fact stands in one page. What two pages may share: examples, because both are
 * executed; code spans, because tests compare them with the code; and what
 * `deno task generate` makes, because it has one source.
 */
import assert from "node:assert/strict";
import { PAGES, readPage } from "../support/pages.ts";

/** So many equal words are a copy. */
const RUN = 12;

interface Token {
  readonly word: string;
  readonly line: number;
}

/** The words of a page, each with its line; a code span is one word, and so is a link. */
function tokensOf(text: string): readonly Token[] {
  const kept = text
    .replaceAll(/<!-- Made by deno task generate[^]*?<!-- End of/g, onlyBreaks)
    .replaceAll(/^```(?:sh|console)\n[^]*?^```$/gm, onlyBreaks)
    .replaceAll(/^```.*$/gm, "");
  return [
    ...kept.matchAll(
      /`[^`]+`|\[[^\]]*\]\([^)\s]*\)|[\p{L}\p{N}]+(?:['’.:/_-][\p{L}\p{N}]+)*/gu,
    ),
  ]
    .map(({ 0: word, index }) => ({
      word: word.toLowerCase().replaceAll(/\s+/g, " "),
      line: kept.slice(0, index).split("\n").length,
    }));
}

function onlyBreaks(text: string): string {
  return text.replaceAll(/[^\n]/g, "");
}

/** A run of words in two pages. */
interface Copy {
  readonly first: string;
  readonly second: string;
  readonly words: string;
}

/** Every run of at least `RUN` words that a page shares with one before it, once. */
function copiesIn(pages: readonly { path: string; text: string }[]): readonly Copy[] {
  const places = new Map<string, { path: string; line: number }>();
  const copies: Copy[] = [];
  for (const { path, text } of pages) {
    const tokens = tokensOf(text);
    const own = new Map<string, { path: string; line: number }>();
    let foundUntil = 0;
    for (const [index, { line }] of tokens.entries()) {
      const run = tokens.slice(index, index + RUN);
      if (run.length < RUN) break;
      const words = run.map(({ word }) => word).join(" ");
      const before = places.get(words);
      if (before !== undefined && index >= foundUntil) {
        copies.push({
          first: `${before.path}:${before.line}`,
          second: `${path}:${line}`,
          words,
        });
      }
      if (before !== undefined) foundUntil = index + RUN;
      own.set(words, { path, line });
    }
    for (const [words, place] of own) places.set(words, place);
  }
  return copies;
}

Deno.test(`no run of ${RUN} equal words stands in two pages`, () => {
  const copies = copiesIn(PAGES.map(readPage))
    .map(({ first, second, words }) => `${first} and ${second}: ${words}`);
  assert.deepEqual(copies, []);
});

Deno.test("a copied sentence is found once, a copied example is not", () => {
  const words =
    "one two three four five six seven eight nine ten eleven twelve thirteen";
  const example = ["```sh", words, "```"].join("\n");
  assert.deepEqual(
    copiesIn([
      { path: "a.md", text: `# A\n\n${words}.\n${example}` },
      { path: "b.md", text: `# B\n\nSee: ${words}\n${example}` },
    ]).map(({ first, second }) => [first, second]),
    [["a.md:3", "b.md:3"]],
  );
});
