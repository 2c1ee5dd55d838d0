/** What a machine can hold of how the pages, the public .proto file and the help are written. */
import assert from "node:assert/strict";
import { filesBelow } from "../support/files.ts";
import { PAGES, readPage } from "../support/pages.ts";
import { allProse, pageProse, sentencesOf, wordsOf } from "../support/prose.ts";
import { repository } from "../support/serve_task.ts";

/** Words of a sentence outside of a table. */
const LONGEST_SENTENCE = 35;

/** Lines of a page, with its tables and blocks. */
const LONGEST_PAGE = 400;
const LONGEST_README = 170;

/** Words that give a process the acts of people, or that hide the actor. */
const BANNED: readonly string[] = [
  ...["told", "untold", "said", "unsaid", "hear", "heard", "hears", "unheard"],
  ...["news", "life", "somebody", "whoever", "shall"],
];

/** The files that have these words because they look for them. */
const SEARCHES = ["tests/architecture_test.ts", "tests/docs/prose_test.ts"];

const prose = allProse();

function longSentences(passages: typeof prose): readonly string[] {
  return passages.filter(({ kind }) => kind !== "table").flatMap((passage) =>
    sentencesOf(passage).filter(({ length }) => length > LONGEST_SENTENCE)
      .map(({ length, line, sentence }) =>
        `${passage.source}:${line}: ${length} words: ${sentence}`
      )
  );
}

function bannedWords(passages: typeof prose): readonly string[] {
  return passages.flatMap((passage) =>
    wordsOf(passage).filter(({ word }) => BANNED.includes(word.toLowerCase()))
      .map(({ line, word }) => `${passage.source}:${line}: ${word}`)
  );
}

Deno.test(`no sentence outside of tables has more than ${LONGEST_SENTENCE} words`, () => {
  assert.deepEqual(longSentences(prose), []);
});

Deno.test("no banned word stands in prose", () => {
  assert.deepEqual(bannedWords(prose), []);
});

/** A name counts by its words: `isTold` has two. */
function bannedNames(path: string, text: string): readonly string[] {
  return text.split("\n").flatMap((line, index) =>
    line.replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase().split(/[^a-z]+/)
      .filter((word) => BANNED.includes(word))
      .map((word) => `${path}:${index + 1}: ${word}`)
  );
}

Deno.test("no banned word stands in a comment, a sentence or a name of the code", () => {
  const folders = [
    ".ci",
    "bin",
    "demo",
    "deploy",
    "docs/pictures",
    "proto",
    "src",
    "tests",
  ];
  const paths = folders.flatMap(filesBelow)
    .filter((path) => !SEARCHES.includes(path) && !/\.(?:json|lock|sum)$/.test(path));
  assert.ok(
    paths.includes("src/main.ts") && paths.length > 300,
    `${paths.length} files`,
  );
  const found = paths.flatMap((path) =>
    bannedNames(path, Deno.readTextFileSync(`${repository}/${path}`))
  );
  assert.deepEqual(found, []);
});

Deno.test("a banned word is found in a comment and within a name", () => {
  assert.deepEqual(
    bannedNames("a.ts", "// Whoever reads\nconst [isTold, OLD_NEWS] = retold(newest);"),
    ["a.ts:1: whoever", "a.ts:2: told", "a.ts:2: news"],
  );
});

Deno.test("every page is short enough", () => {
  const long = PAGES.map((path) => ({
    path,
    lines: readPage(path).text.trimEnd().split("\n").length,
    limit: path === "README.md" ? LONGEST_README : LONGEST_PAGE,
  })).filter(({ limit, lines }) => lines > limit);
  assert.deepEqual(long, []);
});

Deno.test("every page begins with its title and a sentence", () => {
  const wrong = PAGES.filter((path) => {
    const { text } = readPage(path);
    const [title, ...rest] = pageProse(path);
    // Badges may stand between.
    const next = rest.find((passage) => !/^(?:!\[[^\]]*\]\s*)+$/.test(passage.text));
    const isTitled = /^# \S/.test(text) && title?.line === 1;
    return !isTitled || next?.kind !== "text" || !/^[^a-z]/.test(next.text) ||
      !/[.:]$/.test(next.text);
  });
  assert.deepEqual(wrong, []);
});

Deno.test("a long sentence and a banned word are found, with their lines", () => {
  const passages = pageProse(
    "page.md",
    `# Title\n\nShort. The ${"long ".repeat(33)}\nsentence ends. Whoever reads\n\n` +
      "```text\nsomebody\n```\n\n| Told | `said` |\n",
  );
  assert.deepEqual(
    longSentences(passages).map((found) => found.slice(0, 21)),
    ["page.md:3: 36 words: T"].map((found) => found.slice(0, 21)),
  );
  assert.deepEqual(bannedWords(passages), ["page.md:4: Whoever", "page.md:10: Told"]);
});
