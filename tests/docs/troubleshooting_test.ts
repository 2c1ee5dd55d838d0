import assert from "node:assert/strict";
import { FINDING_IDS } from "../../src/diagnose/finding.ts";
import { PLANTED_FAULTS } from "../e2e/planted_faults.ts";
import { repository } from "../support/serve_task.ts";

const page = Deno.readTextFileSync(`${repository}/docs/troubleshooting.md`);

/** The cells of the rows of the table whose first row begins with this heading. */
function rowsBehind(heading: string): readonly (readonly string[])[] {
  const [, table = ""] = page.split(new RegExp(`^\\| ${heading} `, "m"));
  const [rows = ""] = table.split("\n\n");
  return rows.split("\n").slice(2).map((row) =>
    row.split("|").slice(1, -1).map((cell) => cell.trim())
  );
}

const EFFECTS = {
  "stops": "stop",
  "stops for a while": "stop for half a minute",
  "risk": "pass",
} as const;

Deno.test("docs/troubleshooting.md has each planted fault with its finding and what it does to packets", () => {
  const rows = rowsBehind("Fault");
  assert.deepEqual(
    rows.map(([title, id, effect]) => [title, id, effect]),
    PLANTED_FAULTS.map(({ effect, id, title }) => [
      title,
      `\`${id}\``,
      EFFECTS[effect],
    ]),
  );
  for (const [, , , after] of rows) {
    assert.match(after ?? "", /^[0-2]\.\d s$/);
  }
});

Deno.test("docs/troubleshooting.md has every finding that can be told", () => {
  const planted = new Set(PLANTED_FAULTS.map(({ id }) => id));
  assert.deepEqual(
    rowsBehind("Finding").map(([id]) => id),
    FINDING_IDS.filter((id) => !planted.has(id)).map((id) => `\`${id}\``),
  );
});
