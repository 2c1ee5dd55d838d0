import assert from "node:assert/strict";
import { MEASUREMENTS } from "../bench/main.ts";
import { codeOf, readPage } from "../support/pages.ts";
import { repository } from "../support/serve_task.ts";

const page = readPage("docs/performance.md");

Deno.test("docs/performance.md has every measurement of deno task bench, and no other", () => {
  const named = page.rowsAbout("Measurement").map(([cell]) => codeOf(cell));
  assert.deepEqual(
    [...new Set(named)].toSorted(),
    MEASUREMENTS.map(({ name }) => name).toSorted(),
  );
});

Deno.test("docs/performance.md has a figure with a unit in every row", () => {
  for (const [name, what, figure] of page.rowsAbout("Measurement")) {
    assert.match(figure ?? "", /^[\d.,]+ (?:×|ms|MiB)/, `${name} ${what}`);
  }
});

Deno.test("docs/performance.md has no number that its test does not have", () => {
  for (const [counted = "", result = "", test] of page.rowsAbout("What is counted")) {
    const path = `${repository}/${codeOf(test)}`;
    const source = Deno.readTextFileSync(path).replaceAll(/(?<=\d)[_,](?=\d)/g, "");
    const numbers = `${counted} ${result}`.replaceAll(",", "").match(/\b\d+\b/g) ?? [];
    for (const number of numbers.filter((number) => Number(number) > 1)) {
      assert.match(source, new RegExp(`\\b${number}\\b`), `${path}: ${number}`);
    }
  }
});
