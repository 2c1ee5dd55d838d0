import assert from "node:assert/strict";
import { refuseDenoVersion, TESTED_DENO_VERSION } from "../../src/shared/versions.ts";
import { codeIn } from "../support/markdown.ts";
import { readPage } from "../support/pages.ts";
import { repository } from "../support/serve_task.ts";

const page = readPage("CONTRIBUTING.md");

Deno.test("CONTRIBUTING.md pins the tested Deno, and names the versions that are refused", () => {
  const pins = [...page.text.matchAll(/deno@([\d.]+)/g)].map(([, version]) => version);
  assert.deepEqual([...new Set(pins)], [TESTED_DENO_VERSION]);
  const sentence = /Deno (\S+) to (\S+) and every version before ([\d.]*\d)/.exec(
    page.text.replaceAll(/\s+/g, " "),
  );
  const [, first = "", last = "", working = ""] = sentence ?? [];
  assert.deepEqual([first, last].map(refuseDenoVersion).filter(Boolean).length, 2);
  assert.equal(refuseDenoVersion(`${working}.0`), undefined);
  assert.equal(refuseDenoVersion(TESTED_DENO_VERSION), undefined);
});

function foldersOf(path: string): readonly string[] {
  return [...Deno.readDirSync(`${repository}/${path}`)]
    .filter(({ isDirectory }) => isDirectory).map(({ name }) => `${path}/${name}/`);
}

Deno.test("CONTRIBUTING.md names every folder of src and of tests, and no other", () => {
  const named = page.rowsAbout("Folder", "Layout").flatMap(([cell = ""]) =>
    codeIn(cell)
  );
  const folders = named.filter((code) => /^(?:src|tests)\/\w/.test(code));
  assert.deepEqual(
    folders.toSorted(),
    [...foldersOf("src"), ...foldersOf("tests")].toSorted(),
  );
});
