/**
 * What Prometheus' own parsers read on the page of metrics.
 *
 * @needs promtool python
 */
import assert from "node:assert/strict";
import type { Sample } from "../support/exposition.ts";
import { runToEnd } from "../support/namespace.ts";
import { fullTest } from "../support/suite.ts";
import { machineProgram, metricsParser } from "../support/tools.ts";
import { openHost } from "./host.ts";
import { assertScriptShows, runScript } from "./metrics_script.ts";
import { scrape } from "./scrape.ts";

for (
  const [format, accept] of [
    ["openmetrics", "application/openmetrics-text; version=1.0.0"],
    ["prometheus", "text/plain; version=0.0.4"],
  ] as const
) {
  fullTest(
    `prometheus_client reads from GET /metrics in the format ${format} exactly what a script has changed`,
    async () => {
      const { command, env } = await metricsParser();
      await using host = await openHost();
      await assertScriptShows(host, async (): Promise<readonly Sample[]> => {
        const { text } = await scrape(host.namespace, { accept });
        const parsed = await runToEnd([...command, format], { env, stdin: text });
        assert.equal(parsed.code, 0, `${parsed.stderr}\n${text}`);
        return JSON.parse(parsed.stdout);
      });
    },
  );
}

fullTest("promtool finds nothing wrong with GET /metrics", async () => {
  const promtool = await machineProgram("promtool");
  await using host = await openHost();
  const check = async () => {
    const { text } = await scrape(host.namespace);
    const checked = await runToEnd([promtool, "check", "metrics"], { stdin: text });
    assert.deepEqual(checked, { code: 0, stdout: "", stderr: "" }, text);
  };
  await check();
  await runScript(host);
  await check();
});
