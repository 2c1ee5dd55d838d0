/** Every word of the pages, of the public .proto file and of the help is British English. */
import assert from "node:assert/strict";
import dictionary from "dictionary-en-gb";
// @ts-types="../support/nspell.d.ts"
import Speller from "nspell";
import { allProse, wordsOf } from "../support/prose.ts";
import { repository } from "../support/serve_task.ts";

const WORD_LIST = "docs/words.txt";

const utf8 = new TextDecoder();
const speller = new Speller(
  utf8.decode(dictionary.aff),
  utf8.decode(dictionary.dic),
);

const listed = Deno.readTextFileSync(`${repository}/${WORD_LIST}`).trimEnd().split(
  "\n",
);
const ours = new Set(listed);

const used = allProse().flatMap((passage) =>
  wordsOf(passage).map((word) => ({ ...word, source: passage.source }))
);

/** The entry of our list that a word is, at the start of a sentence and in capitals too. */
function entryFor(word: string): string | undefined {
  const lower = word.charAt(0).toLowerCase() + word.slice(1);
  return [word, lower, word.toLowerCase()].find((form) => ours.has(form));
}

Deno.test("every word is in the British dictionary, or in docs/words.txt", () => {
  const unknown = used
    .filter(({ word }) => entryFor(word) === undefined && !speller.correct(word))
    .map(({ line, source, word }) => `${source}:${line}: ${word}`);
  assert.deepEqual(unknown, []);
});

Deno.test("the dictionary refuses American spelling", () => {
  for (const word of ["neighbor", "behavior", "authorize", "canceled"]) {
    assert.equal(speller.correct(word), false, word);
  }
  for (const word of ["neighbour", "behaviour", "authorise", "cancelled"]) {
    assert.ok(speller.correct(word), word);
  }
});

Deno.test("docs/words.txt is sorted, and has each word once", () => {
  const key = (word: string): string => `${word.toLowerCase()} ${word}`;
  const sorted = [...ours]
    .toSorted((one, other) => key(one) < key(other) ? -1 : 1);
  assert.deepEqual(listed, sorted);
});

Deno.test("docs/words.txt has no word that is unused or in the dictionary", () => {
  const needed = new Set(used.map(({ word }) => entryFor(word)));
  assert.deepEqual(
    listed.filter((word) => !needed.has(word) || speller.correct(word)),
    [],
  );
});
