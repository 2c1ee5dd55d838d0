/** What docs/ARCHITECTURE.md says of the code: the hops of its tables exist where it says. */
import assert from "node:assert/strict";
import { posix } from "node:path";
import { codeIn, linksIn } from "../support/markdown.ts";
import { readPage } from "../support/pages.ts";
import { repository } from "../support/serve_task.ts";

const page = readPage("docs/ARCHITECTURE.md");

/** A row of a table of hops: its cells, and the sources that they link to. */
const hops = page.rows.filter(({ about }) => about === "#").map((row) => ({
  ...row,
  hop: row.cells[1] ?? "",
  files: sourcesIn(row.cells[2] ?? ""),
}));

const injectRoute = hops.filter(({ section }) => section.startsWith("An InjectRoute"));

function sourcesIn(cell: string): readonly string[] {
  return linksIn(cell).map((link) => posix.join("docs", link));
}

function read(path: string): string {
  return Deno.readTextFileSync(`${repository}/${path}`);
}

/** The names of functions, methods, classes and constants that a cell has as code. */
function namesIn(cell: string): readonly string[] {
  return codeIn(cell).filter((code) => /^#?[A-Za-z]+(?:\.[a-z]\w*)?$/.test(code))
    .flatMap((code) => code.split("."))
    .filter((name) => !["ip", "then"].includes(name));
}

/** True if a source declares a name, at its top or as a member of a class or an object. */
function declares(text: string, name: string): boolean {
  return new RegExp(
    `\\b(?:class|const|function|interface|type)\\s+${name}\\b|` +
      `^ +(?:async )?${name}(?:<[^>]*>)?\\(|^ +${name}:|\\bconst ${name}:`,
    "m",
  ).test(text);
}

for (const { cells: [number], files, hop, section } of hops) {
  const names = namesIn(hop);
  if (names.length === 0) continue;
  Deno.test(`docs/ARCHITECTURE.md, "${section}", hop ${number}: its files declare ${names.join(", ")}`, () => {
    const texts = files.map(read);
    assert.deepEqual(
      names.filter((name) => !texts.some((text) => declares(text, name))),
      [],
    );
  });
}

Deno.test("docs/ARCHITECTURE.md: the files beside the hops of an InjectRoute declare what it also calls", () => {
  for (const { cells: [, , , besides = ""] } of injectRoute) {
    const texts = sourcesIn(besides).map(read);
    const missing = namesIn(besides).filter((name) =>
      !texts.some((text) => declares(text, name))
    );
    assert.deepEqual(missing, [], besides);
  }
});

Deno.test("docs/ARCHITECTURE.md counts the hops of an InjectRoute and their files", () => {
  const passing = new Set(injectRoute.flatMap(({ files }) => files));
  const all = new Set([
    ...passing,
    ...injectRoute.flatMap(({ cells: [, , , besides = ""] }) => sourcesIn(besides)),
  ]);
  assert.match(
    page.text.replaceAll(/\s+/g, " "),
    new RegExp(
      `These are ${injectRoute.length} hops in ${passing.size} files, and ` +
        `${all.size} files with those of the last column`,
    ),
  );
});

Deno.test("a source does not declare a name that it only uses", () => {
  const text =
    "export class Loop {\n  async run(key: string) {}\n}\nconst a = observe();";
  assert.ok(declares(text, "Loop"));
  assert.ok(declares(text, "run"));
  assert.equal(declares(text, "observe"), false);
});
