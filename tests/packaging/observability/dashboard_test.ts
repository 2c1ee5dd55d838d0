/** The dashboard, held to Grafana's own types: see dashboard_types.ts for what they cover. */
import assert from "node:assert/strict";
import { numberAt, objectAt, parseJsonObject } from "../../../deploy/json.ts";
import { runToEnd } from "../../support/namespace.ts";
import { repository } from "../../support/serve_task.ts";
import { objectsAt, readDashboard, readPanels } from "./sources.ts";

const TYPES = new URL("dashboard_types.ts", import.meta.url);

/**
 * Checks the types of dashboards: each as a literal, so that no property may be too many.
 *
 * @returns whether each of them has an error, and all that Deno says
 */
async function checkTypes(dashboards: readonly string[]) {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  // A line for each, by which its errors are known.
  const lines = dashboards.map((json, at) =>
    `export const dashboard${at}: CheckedDashboard = ${json.replaceAll("\n", " ")};`
  );
  const all = [...lines, `import type { CheckedDashboard } from "${TYPES}";`];
  await Deno.writeTextFile(file, all.join("\n"));
  const config = ["--frozen", "--config", `${repository}/deno.json`];
  const { code, stderr } = await runToEnd([
    ...[Deno.execPath(), "check", ...config, file],
  ]);
  await Deno.remove(file);
  return {
    code,
    stderr,
    faulty: lines.map((_, at) => stderr.includes(`${file}:${at + 1}:`)),
  };
}

/** What Grafana would not read, or would pass over without a word. */
const FAULTS: readonly (readonly [right: string, wrong: string])[] = [
  ['"spanNulls": false', '"spanNull": false'],
  ['"type": "timeseries"', '"type": "timeserie"'],
  ['"schemaVersion": 39,', ""],
  ['"sort": "desc"', '"sort": "down"'],
  ['"unit": "reqps"', '"units": "reqps"'],
  ['"refresh": "30s"', '"refresh": 30'],
  ['"textMode": "value"', '"textMode": "number"'],
  ['"mode": "thresholds"', '"mode": "threshold"'],
  ['"type": "query"', '"type": "querry"'],
  ['"legendFormat": "up"', '"legend": "up"'],
  ['"collapsed": false', '"collapse": false'],
  ['"w": 24', '"w": "24"'],
];

Deno.test("Grafana's types take the dashboard, and none with a fault", async () => {
  const dashboard = readDashboard();
  const wrong = FAULTS.map(([right, wrong]) => {
    assert.ok(dashboard.includes(right), right);
    return dashboard.replace(right, wrong);
  });
  const { code, faulty, stderr } = await checkTypes([dashboard]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(faulty, [false]);
  const checked = await checkTypes([dashboard, ...wrong]);
  assert.deepEqual(checked.faulty, [false, ...wrong.map(() => true)], checked.stderr);
});

Deno.test("each panel has an id and a place of its own, and says what it shows", () => {
  const panels = readPanels();
  const ids = panels.map((panel) => numberAt(panel, "id"));
  assert.equal(new Set(ids).size, panels.length);
  const taken = new Map<string, unknown>();
  for (const { description, title, type, gridPos } of panels) {
    if (type !== "row") assert.match(String(description), /\.$/, String(title));
    for (const cell of cellsOf({ gridPos })) {
      assert.equal(taken.get(cell), undefined, `${title}: ${cell}`);
      taken.set(cell, title);
    }
  }
});

/** The cells of Grafana's grid that a panel covers; a row of it has 24. */
function cellsOf(panel: Readonly<Record<string, unknown>>): readonly string[] {
  const place = objectAt(panel, "gridPos");
  const [h, w, x, y] = ["h", "w", "x", "y"].map((name) => numberAt(place, name));
  if (h === undefined || w === undefined || x === undefined || y === undefined) {
    throw new TypeError("A panel has no place");
  }
  assert.ok(x + w <= 24);
  return Array.from(
    { length: h * w },
    (_, at) => `${x + at % w}, ${y + Math.floor(at / w)}`,
  );
}

Deno.test("every panel and every query asks the data source that is chosen", () => {
  const templating = objectAt(parseJsonObject(readDashboard()), "templating");
  const variables = objectsAt(templating, "list").map(({ name }) => name);
  assert.deepEqual(variables, ["datasource", "instance"]);
  const chosen = { type: "prometheus", uid: "${datasource}" };
  for (const panel of readPanels().filter(({ type }) => type !== "row")) {
    assert.deepEqual(panel["datasource"], chosen);
    for (const { datasource } of objectsAt(panel, "targets")) {
      assert.deepEqual(datasource, chosen);
    }
  }
});
