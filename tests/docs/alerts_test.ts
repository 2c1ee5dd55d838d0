import assert from "node:assert/strict";
import { codeIn, readMarkdown } from "../support/markdown.ts";
import { readAlerts } from "../packaging/observability/sources.ts";
import { repository } from "../support/serve_task.ts";

const page = readMarkdown(Deno.readTextFileSync(`${repository}/docs/telemetry.md`));
const rows = page.rows.filter(({ about, section }) =>
  about === "Alert" && section === "Dashboards and alerts"
).map(({ cells }) => cells);

Deno.test("docs/telemetry.md has every alert with its severity and its time", () => {
  assert.deepEqual(
    rows.map((cells) => cells.slice(0, 3).flatMap(codeIn)),
    readAlerts().map(({ holdsFor, name, severity }) => [name, severity, holdsFor]),
  );
});

Deno.test("docs/telemetry.md says what to do about every alert", () => {
  assert.notEqual(rows.length, 0);
  for (const [name, , , meaning] of rows) assert.ok(meaning, String(name));
});
