/**
 * The alerts of docs/telemetry.md against deploy/observability/alerts.yaml, and what to do
 * about each against the command line.
 *
 * @needs curl go
 */
import assert from "node:assert/strict";
import { readAlerts } from "../packaging/observability/sources.ts";
import { openReader, preparation, runCommands } from "../support/examples.ts";
import { codeIn } from "../support/markdown.ts";
import { assertExists, assertRuns, callsIn } from "../support/named_commands.ts";
import { codeOf, readPage } from "../support/pages.ts";
import { fullTest } from "../support/suite.ts";

const rows = readPage("docs/telemetry.md").rowsAbout("Alert", "Alerts");
const alerts = readAlerts();

/** The commands that a row has for its alert. */
function remediesOf([, , , , remedy = ""]: readonly string[]): readonly string[] {
  return codeIn(remedy).filter((code) => code.includes(" "));
}

Deno.test("docs/telemetry.md has every alert with its severity and its time", () => {
  assert.deepEqual(
    rows.map((cells) => cells.slice(0, 3).map(codeOf)),
    alerts.map(({ holdsFor, name, severity }) => [name, severity, holdsFor]),
  );
});

Deno.test("docs/telemetry.md says what each alert means, and has a command that exists", () => {
  for (const row of rows) {
    const [name = "", , , meaning] = row;
    assert.ok(meaning, name);
    const remedies = remediesOf(row);
    assert.notEqual(remedies.length, 0, name);
    for (const call of remedies.flatMap(callsIn)) assertExists(call);
  }
});

Deno.test("each command in the sentence of an alert is in its row of docs/telemetry.md", () => {
  for (const [at, { annotations, name }] of alerts.entries()) {
    const remedies = remediesOf(rows[at] ?? []);
    const named = Object.values(annotations).join(" ")
      .matchAll(/quilt-sidecar (\w+(?: --\w+)?)/g);
    for (const [call] of named) {
      const isThere = remedies.some((remedy) => remedy.startsWith(call));
      assert.ok(isThere, `${name}: ${call}`);
    }
  }
});

fullTest("docs/telemetry.md: each command against an alert can be run", async () => {
  await using shell = await openReader();
  await runCommands(shell, preparation);
  // An owner and a subnet: without them there is nothing to list or to release.
  const before = ["configure 10.42.1.0/24", "allocate OWNER"];
  for (const words of before) await assertRuns(shell, `quilt-sidecar ${words}`);
  for (const command of new Set(rows.flatMap(remediesOf))) {
    await assertRuns(shell, command);
  }
});
