/**
 * A Prometheus with our configuration that scrapes a sidecar, and is asked what the
 * dashboard asks.
 *
 * @needs prometheus promtool
 */
import assert from "node:assert/strict";
import { GrpcStatusError } from "../../support/client.ts";
import type { Namespace } from "../../support/namespace.ts";
import { killIfAlive } from "../../support/sidecar.ts";
import { fullTest } from "../../support/suite.ts";
import { machineProgram } from "../../support/tools.ts";
import { until } from "../../support/wait.ts";
import { done, type Host, openHost, routesTo } from "../../e2e/host.ts";
import { signalBatches } from "../../e2e/processes.ts";
import { FOLDER, readQueries } from "./sources.ts";

const ADDRESS = "127.0.0.1:9090";

/** Starts Prometheus; with a shorter interval, so that the test need not wait. */
async function startPrometheus(namespace: Namespace): Promise<AsyncDisposable> {
  const program = await machineProgram("prometheus");
  const folder = await Deno.makeTempDir();
  const configuration = await Deno.readTextFile(`${FOLDER}/prometheus.yaml`);
  const file = `${folder}/prometheus.yaml`;
  await Deno.writeTextFile(file, configuration.replaceAll(": 15s", ": 1s"));
  await Deno.copyFile(`${FOLDER}/alerts.yaml`, `${folder}/alerts.yaml`);
  const child = namespace.command([
    program,
    `--config.file=${file}`,
    `--storage.tsdb.path=${folder}/data`,
    `--web.listen-address=${ADDRESS}`,
  ], { stdin: "null", stdout: "null", stderr: "null" }).spawn();
  return {
    [Symbol.asyncDispose]: async () => {
      killIfAlive(child, "SIGKILL");
      await child.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** The lines that Prometheus has for an expression; none while it does not answer. */
async function ask(namespace: Namespace, expression: string): Promise<string> {
  const program = await machineProgram("promtool");
  const query = expression.replaceAll("$__rate_interval", "30s")
    .replaceAll("$instance", ".*");
  const words = [program, "query", "instant", `http://${ADDRESS}`, query];
  return (await namespace.run(words)).stdout.trim();
}

const ROUTE = "10.42.2.0/24";

/** Calls of each outcome, and a route that another process deletes. */
async function disturb({ client, namespace, sidecar }: Host): Promise<void> {
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client.injectRoute(ROUTE, "vxlan100"), done);
  assert.equal((await client.injectRoute("10.42.2.0/25", "vxlan100")).success, false);
  await namespace.ip(`route delete ${ROUTE}`);
  await until(async () => (await routesTo(namespace, ROUTE)).length === 1, {
    what: "the repair",
  });
  // While ip hangs, a call that waits behind another one ends with its deadline.
  signalBatches(sidecar, "SIGSTOP");
  const first = client.injectRoute("10.42.3.0/24", "vxlan100");
  await assert.rejects(
    client.injectRoute("10.42.4.0/24", "vxlan100", { deadlineMs: 500 }),
    GrpcStatusError,
  );
  assert.deepEqual(await first, done);
}

fullTest(
  "every panel has lines once Prometheus has scraped a sidecar, and a fault is an alert",
  async () => {
    await using host = await openHost();
    await using _ = await startPrometheus(host.namespace);
    const alert = 'ALERTS{alertname="QuiltTrafficStopped",instance="this-node"}';
    let empty = [...readQueries().map(({ expression }) => expression), alert];
    await until(async () => {
      await disturb(host);
      const asked = await Promise.all(
        empty.map(async (query) => [query, await ask(host.namespace, query)] as const),
      );
      empty = asked.filter(([, lines]) => lines === "").map(([query]) => query);
      return empty.length === 0;
    }, {
      deadlineMs: 60_000,
      everyMs: 500,
      what: () => `lines of ${empty.join("\n")}`,
    });
    assert.equal(await ask(host.namespace, "quilt_no_such_metric"), "");
  },
);
