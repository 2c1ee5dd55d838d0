import assert from "node:assert/strict";
import { posix } from "node:path";
import { anchors, codeIn, linksIn, readMarkdown } from "../support/markdown.ts";
import { PAGES } from "../support/pages.ts";
import { repository } from "../support/serve_task.ts";

function exists(path: string): boolean {
  try {
    Deno.statSync(`${repository}/${path}`);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const texts = new Map(
  PAGES.map((path) => [path, Deno.readTextFileSync(`${repository}/${path}`)]),
);

/** True if a relative link of a page leads to a file, and to a heading of it. */
function resolves(page: string, link: string): boolean {
  const [file = "", heading] = link.split("#");
  const target = file === "" ? page : posix.join(posix.dirname(page), file);
  if (target.startsWith("..") || !exists(target)) return false;
  if (heading === undefined) return true;
  const text = texts.get(target);
  return text !== undefined && anchors(readMarkdown(text).headings).includes(heading);
}

for (const [page, text] of texts) {
  Deno.test(`every relative link of ${page} leads to a file and a heading`, () => {
    const links = linksIn(readMarkdown(text).prose.join("\n"))
      .filter((link) => !link.startsWith("https:"));
    assert.deepEqual(links.filter((link) => !resolves(page, link)), []);
  });
}

Deno.test("a link to a missing file or heading does not resolve", () => {
  assert.ok(resolves("docs/api.md", "#limits"));
  assert.ok(resolves("docs/adr/README.md", "../api.md#limits"));
  for (const link of ["#no-such-heading", "docs/none.md", "../outside.md"]) {
    assert.equal(resolves("README.md", link), false, link);
  }
});

// A changelog is about the past, so it may name files that are gone.
for (const [page, text] of [...texts].filter(([path]) => path !== "CHANGELOG.md")) {
  Deno.test(`every file of the repository that ${page} names exists`, () => {
    const named = codeIn(readMarkdown(text).prose.join("\n"))
      .filter((code) => /^(src|tests|docs|deploy|proto)\/[\w./-]*$/.test(code));
    assert.deepEqual(named.filter((path) => !exists(path)), []);
  });
}

Deno.test("docs/adr/README.md lists every decision, and each has the same sections", () => {
  const pages = [...texts.keys()].filter((path) => /^docs\/adr\/\d/.test(path)).sort();
  const listed = linksIn(texts.get("docs/adr/README.md") ?? "")
    .map((link) => `docs/adr/${link}`);
  assert.deepEqual(listed, pages);
  for (const page of pages) {
    const text = texts.get(page) ?? "";
    const [title = "", ...sections] = readMarkdown(text).headings;
    assert.ok(title.startsWith(posix.basename(page).slice(0, 4)), title);
    assert.match(text, /^\*\*Status:\*\* (accepted|replaced)/m, page);
    assert.deepEqual(
      sections,
      ["Context", "Decision", "Consequences", "When to look again"],
      page,
    );
  }
});
