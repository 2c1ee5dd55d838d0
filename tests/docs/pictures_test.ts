import assert from "node:assert/strict";
import { fixTimes, PICTURES } from "../../docs/pictures/draw.ts";
import { linksIn } from "../support/markdown.ts";
import { repository } from "../support/serve_task.ts";

const FOLDER = "docs/pictures";

/** Drawn by hand, or by `deno task generate`. */
const OTHERS = /^(badge-|data-path$)/;

/** The pages that may show a picture, with the folder that their links start from. */
const PAGES = [["README.md", ""], ["docs/cli.md", "docs/"]] as const;

/** The names of the pictures that a page shows. */
function shownOn(page: string, folder: string): readonly string[] {
  return linksIn(Deno.readTextFileSync(`${repository}/${page}`))
    .map((link) => `${folder}${link}`)
    .filter((path) => path.startsWith(`${FOLDER}/`) && path.endsWith(".svg"))
    .map((path) => path.slice(FOLDER.length + 1, -".svg".length))
    .filter((name) => !OTHERS.test(name));
}

Deno.test("every picture that deno task pictures draws is shown on a page, and no other", () => {
  const shown = new Set(PAGES.flatMap(([page, folder]) => shownOn(page, folder)));
  assert.deepEqual([...shown].toSorted(), PICTURES.map(({ name }) => name).toSorted());
});

for (const { name, shows, typed } of PICTURES) {
  Deno.test(`the picture ${name} shows its command, and what it is taken of`, () => {
    const svg = Deno.readTextFileSync(`${repository}/${FOLDER}/${name}.svg`);
    const lines = [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)]
      .map(([, text = ""]) => text.replaceAll("\u00a0", " "));
    assert.deepEqual(lines.slice(0, 2), ["$", typed]);
    assert.match(lines.join("\n"), shows);
  });
}

Deno.test("fixTimes replaces times, and leaves what got lost", () => {
  assert.equal(
    fixTimes("since 2026-11-29T11:28:55.123Z, up 3 min 12 s, 0 repairs"),
    "since 2026-11-24T10:00:00.000Z, up 20 s, 0 repairs",
  );
  assert.equal(
    fixTimes("713 sent, 712 answered, 0 lost"),
    "500 sent, 500 answered, 0 lost",
  );
  assert.equal(
    fixTimes("713 sent, 700 answered, 12 lost"),
    "713 sent, 700 answered, 12 lost",
  );
});
