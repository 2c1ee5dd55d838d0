import assert from "node:assert/strict";
import { BADGES, drawBadge } from "../../docs/pictures/badges.ts";
import { QUILT_RUNTIME } from "../../src/api/proto_registry.ts";
import { linksIn } from "../support/markdown.ts";
import { codeOf, readPage } from "../support/pages.ts";
import { repository } from "../support/serve_task.ts";

const page = readPage("README.md");
const links = linksIn(page.prose.join("\n"));

Deno.test("README.md begins with the two commands that serve and test", () => {
  const [commands] = page.blocks;
  assert.deepEqual(commands?.lines, [
    "npx -y deno@2.9.3 task serve",
    "npx -y deno@2.9.3 task test",
  ]);
});

Deno.test("README.md shows every badge, and each states what is true", () => {
  const shown = links.filter((link) => link.startsWith("docs/pictures/badge-"));
  assert.deepEqual(shown, BADGES.map(({ name }) => `docs/pictures/${name}.svg`));
  for (const badge of BADGES) {
    const drawn = Deno.readTextFileSync(
      `${repository}/docs/pictures/${badge.name}.svg`,
    );
    assert.equal(drawn, drawBadge(badge), "run deno task generate");
  }
});

Deno.test("README.md names every RPC of the frozen service, and no other", () => {
  const named = page.rowsAbout("RPC").map(([cell]) => codeOf(cell));
  assert.deepEqual(named, Object.keys(QUILT_RUNTIME));
});

Deno.test("README.md has no figure that docs/performance.md does not have", () => {
  const performance = readPage("docs/performance.md");
  const rows = ["Measurement", "What is counted"].flatMap((about) =>
    performance.rowsAbout(about)
  );
  for (const [promise = "", measured = ""] of page.rowsAbout("Promise")) {
    const numbers = measured.match(/\b\d[\d.]*/g) ?? [];
    const [row] = rows.filter((cells) =>
      numbers.every((number) => new RegExp(`\\b${number}\\b`).test(cells.join(" ")))
    );
    assert.ok(numbers.length > 0 && row !== undefined, promise);
  }
});
