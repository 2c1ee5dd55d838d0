import assert from "node:assert/strict";
import { DEFINITIONS, seriesOf, unknownNames } from "./exposed.ts";
import { namesIn } from "./promql.ts";
import { readAlerts, readQueries } from "./sources.ts";

const alerts = readAlerts();
const queries = readQueries();

Deno.test("every alert names only metrics, labels and values that the sidecar exposes", () => {
  assert.ok(alerts.length > 10);
  for (const { expression, name } of alerts) {
    assert.deepEqual(unknownNames(expression), [], name);
  }
});

Deno.test("every panel names only metrics, labels and values that the sidecar exposes", () => {
  assert.ok(queries.length > 20);
  for (const { expression, panel } of queries) {
    assert.deepEqual(unknownNames(expression), [], panel);
  }
});

Deno.test("the dashboard shows every instrument, with each of its labels", () => {
  const shown = queries.map(({ expression }) => namesIn(expression));
  for (const definition of DEFINITIONS) {
    const names = seriesOf(definition);
    const about = shown.filter(({ selectors }) =>
      selectors.some(({ metric }) => names.includes(metric))
    );
    const labels = new Set(about.flatMap(({ grouped, selectors }) => [
      ...grouped,
      ...selectors.flatMap(({ matchers }) => matchers.map(({ label }) => label)),
    ]));
    assert.notEqual(about.length, 0, definition.name);
    for (const attribute of Object.keys(definition.attributes)) {
      const label = attribute.replaceAll(".", "_");
      assert.ok(labels.has(label), `${definition.name} ${label}`);
    }
  }
});

Deno.test("every panel shows only the nodes that are chosen", () => {
  for (const { expression, panel } of queries) {
    for (const { matchers, metric } of namesIn(expression).selectors) {
      const chosen = matchers.find(({ label }) => label === "instance");
      assert.deepEqual(chosen?.values, ["$instance"], `${panel}: ${metric}`);
    }
  }
});

Deno.test("a legend and a sentence of an alert use only labels that the expression keeps", () => {
  for (const { expression, legend, panel } of queries) {
    const { grouped } = namesIn(expression);
    const named = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
    assert.deepEqual(named.filter((label) => !grouped.includes(label)), [], panel);
  }
  for (const { annotations, expression, name } of alerts) {
    // Without a function around it, a metric keeps all of its labels.
    const kept = [...namesIn(expression).grouped, "instance"];
    const named = [
      ...Object.values(annotations).join().matchAll(/\$labels\.(\w+)/g),
    ].map(([, label = ""]) => label);
    assert.deepEqual(named.filter((label) => !kept.includes(label)), [], name);
  }
});

Deno.test("a metric, a label and a value that the sidecar does not expose are found", () => {
  const wrong: readonly (readonly [expression: string, name: string])[] = [
    ["rate(quilt_repair_total[5m]) > 0", "quilt_repair_total"],
    ["quilt_repairs_total", ""],
    ["quilt_repairs", "quilt_repairs"],
    ["rpc_server_call_duration_seconds", "rpc_server_call_duration_seconds"],
    ['quilt_routes{state="error"}', "quilt_routes{state}"],
    ['quilt_routes{quilt_state="errors"}', 'quilt_routes{quilt_state="errors"}'],
    ['up{job="quilt"}', 'up{job="quilt"}'],
    ["sum by (quilt_reason, le) (quilt_routes)", "quilt_reason le"],
    ['a{quilt_state=~"waiting|none"} or quilt_connections', "a"],
    [
      'quilt_routes{quilt_state=~"waiting|none",instance=~".*"}',
      'quilt_routes{quilt_state="none"}',
    ],
  ];
  for (const [expression, name] of wrong) {
    assert.equal(unknownNames(expression).join(" "), name, expression);
  }
});
