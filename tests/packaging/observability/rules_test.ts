/**
 * The alerts and the panels, as Prometheus' own tool reads and evaluates them.
 *
 * @needs promtool
 */
import assert from "node:assert/strict";
import { type Finished, runToEnd } from "../../support/namespace.ts";
import { fullTest } from "../../support/suite.ts";
import { machineProgram } from "../../support/tools.ts";
import {
  ALERT_CASES,
  type AlertCase,
  ORDINARY_HOUR,
  type Series,
} from "./alert_cases.ts";
import { FOLDER, readAlerts, readQueries } from "./sources.ts";

const alerts = readAlerts();

/** Runs promtool on a file of its own; YAML takes JSON as it is. */
async function promtool(words: readonly string[], input: unknown): Promise<Finished> {
  const program = await machineProgram("promtool");
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(file, JSON.stringify(input));
  const finished = await runToEnd([program, ...words, file]);
  await Deno.remove(file);
  return finished;
}

/** Whether these alerts, and no others, fire at a time. */
interface Expected {
  readonly at: string;
  readonly series: Series;
  readonly alerts: Readonly<Record<string, readonly unknown[]>>;
}

function testRules(
  expected: readonly Expected[],
  rules = `${FOLDER}/alerts.yaml`,
): Promise<Finished> {
  return promtool(["test", "rules"], {
    rule_files: [rules],
    evaluation_interval: "1m",
    tests: expected.map(({ alerts, at, series }) => ({
      interval: "1m",
      input_series: Object.entries(series)
        .map(([series, values]) => ({ series, values })),
      alert_rule_test: Object.entries(alerts).map(([alertname, exp_alerts]) => ({
        eval_time: at,
        alertname,
        exp_alerts,
      })),
    })),
  });
}

/** The alert of a case as Prometheus sends it, with every variable replaced. */
function sentAlert({ alert, labels, severity, value }: AlertCase) {
  const rule = alerts.find(({ name }) => name === alert);
  const annotations = Object.entries(rule?.annotations ?? {}).map(([name, text]) => [
    name,
    text.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label) => labels[label] ?? "")
      .replaceAll(/\{\{ \$value[^}]* \}\}/g, value),
  ]);
  return {
    exp_labels: { ...labels, severity },
    exp_annotations: Object.fromEntries(annotations),
  };
}

function firing(tried: AlertCase): Expected {
  const { alert, at, fires } = tried;
  return { at, series: fires, alerts: { [alert]: [sentAlert(tried)] } };
}

function quiet({ alert, at, quiet }: AlertCase): Expected {
  return { at, series: quiet, alerts: { [alert]: [] } };
}

Deno.test("every alert has a case in which it fires", () => {
  assert.deepEqual(
    ALERT_CASES.map(({ alert, severity }) => [alert, severity]),
    alerts.map(({ name, severity }) => [name, severity]),
  );
});

fullTest("promtool takes Prometheus' configuration, and every rule", async () => {
  const program = await machineProgram("promtool");
  const config = [program, "check", "config", `${FOLDER}/prometheus.yaml`];
  const checked = await runToEnd(config);
  assert.equal(checked.code, 0, checked.stderr);
  assert.match(checked.stdout, new RegExp(`SUCCESS: ${alerts.length} rules found`));
});

fullTest(
  "each alert fires with all of its sentences, and only when it should",
  async () => {
    const tried = await testRules(ALERT_CASES.flatMap((each) => [
      firing(each),
      quiet(each),
    ]));
    assert.equal(tried.code, 0, tried.stderr + tried.stdout);
  },
);

fullTest("an alert that does not fire, and one that must not, are found", async () => {
  for (const each of ALERT_CASES) {
    const { alert, at, fires, quiet } = each;
    const expected = [sentAlert(each)];
    for (
      const wrong of [
        { at, series: fires, alerts: { [alert]: [] } },
        { at, series: quiet, alerts: { [alert]: expected } },
      ]
    ) {
      const tried = await testRules([wrong]);
      assert.notEqual(tried.code, 0, alert);
    }
  }
});

fullTest("an ordinary hour fires no alert", async () => {
  const none = Object.fromEntries(alerts.map(({ name }) => [name, []]));
  const times = Array.from({ length: 60 }, (_, minute) => `${minute}m`);
  const tried = await testRules(
    times.map((at) => ({ at, series: ORDINARY_HOUR, alerts: none })),
  );
  assert.equal(tried.code, 0, tried.stderr + tried.stdout);
});

/** Rules with the expressions of the panels, whose variables have a value. */
function rulesOf(expressions: readonly string[]) {
  const rules = expressions.map((expression, at) => ({
    record: `panel:${at}`,
    expr: expression.replaceAll("$__rate_interval", "5m"),
  }));
  return { groups: [{ name: "panels", rules }] };
}

fullTest("promtool parses the expression of every panel", async () => {
  const expressions = readQueries().map(({ expression }) => expression);
  const parsed = await promtool(["check", "rules"], rulesOf(expressions));
  assert.equal(parsed.code, 0, parsed.stderr + parsed.stdout);
  assert.match(
    parsed.stdout,
    new RegExp(`SUCCESS: ${expressions.length} rules found`),
  );
  const wrong = await promtool(
    ["check", "rules"],
    rulesOf(["sum by (le quilt_routes"]),
  );
  assert.notEqual(wrong.code, 0);
});
