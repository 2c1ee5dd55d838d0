/** The pages of the documents, as the tests read them. */
import assert from "node:assert/strict";
import { codeIn, type Document, readMarkdown } from "./markdown.ts";
import { filesBelow } from "./files.ts";
import { repository } from "./serve_task.ts";

/** A page, with what its tests ask of it. */
export interface Page extends Document {
  /** Its path from the root of the repository, e.g. `docs/api.md`. */
  readonly path: string;
  readonly text: string;
  /**
   * The rows of the tables whose first column has this heading.
   *
   * @param section the heading of level 2 above them; any if it is left out
   * @throws {AssertionError} if there is none: a test about no rows could not fail
   */
  rowsAbout(about: string, section?: string): readonly (readonly string[])[];
}

/** Reads a page by its path from the root of the repository. */
export function readPage(path: string): Page {
  const text = Deno.readTextFileSync(`${repository}/${path}`);
  const document = readMarkdown(text);
  return {
    ...document,
    path,
    text,
    rowsAbout(about, section) {
      const rows = document.rows.filter((row) =>
        row.about === about && (section === undefined || row.section === section)
      );
      assert.notEqual(rows.length, 0, `${path} has no table about ${about}`);
      return rows.map(({ cells }) => cells);
    },
  };
}

/** The first code of a cell. */
export function codeOf(cell = ""): string {
  const [code] = codeIn(cell);
  assert.ok(code !== undefined, cell);
  return code;
}

/** Every page: the Markdown files of the repository, by their paths from its root. */
export const PAGES: readonly string[] = filesBelow("").filter((path) =>
  path.endsWith(".md")
);
