/**
 * @needs curl go
 */
import assert from "node:assert/strict";
import { addVxlan, type Finished, type Namespace } from "../support/namespace.ts";
import { parseExposition } from "../support/exposition.ts";
import { readMarkdown } from "../support/markdown.ts";
import { TELEMETRY_PAGE, withMetrics } from "../support/metrics_reference.ts";
import { openReader, preparation, runBlock, runCommands } from "../support/examples.ts";
import { serveCommand } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { fullTest } from "../support/suite.ts";
import { machineProgram } from "../support/tools.ts";
import { makeQuietNamespace, openHost } from "../e2e/host.ts";
import { openTlsHost, TLS_DIRECTORY } from "../e2e/tls_host.ts";

const text = Deno.readTextFileSync(TELEMETRY_PAGE);
const blocks = readMarkdown(text).blocks.filter(({ section }) => section === "Metrics");

Deno.test("docs/telemetry.md has the metrics that deno task generate makes from the instruments", async () => {
  assert.equal(text, await withMetrics(text), "run deno task generate");
});

fullTest("docs/telemetry.md shows metrics as the sidecar does", async () => {
  await machineProgram("curl");
  const shown = blocks.filter(({ language }) => language === "console");
  assert.notEqual(shown.length, 0);
  await using shell = await openReader();
  await runCommands(shell, preparation);
  for (const block of shown) await runBlock(shell, block);
});

/** Runs the command of the page that has this text. */
async function runCurl(
  namespace: Namespace,
  part: string,
  directory = TLS_DIRECTORY,
): Promise<Finished> {
  await machineProgram("curl");
  const commands = blocks.find(({ language }) => language === "sh")?.lines ?? [];
  const [command = "", ...others] = commands.filter((line) => line.includes(part));
  assert.equal(others.length, 0, part);
  const here = command.replaceAll(TLS_DIRECTORY, directory);
  return await namespace.run(["sh", "-c", here]);
}

function assertPage({ code, stderr, stdout }: Finished): void {
  assert.equal(code, 0, stderr);
  assert.notEqual(parseExposition(stdout, "prometheus").length, 0);
}

fullTest("docs/telemetry.md says how the metrics of serve are read", async () => {
  await using host = await openHost();
  assertPage(await runCurl(host.namespace, "http://127.0.0.1"));
});

fullTest("docs/telemetry.md says how the metrics of serve:tls are read", async () => {
  await using host = await openTlsHost();
  assertPage(await runCurl(host.namespace, "https:", host.directory));
});

fullTest("docs/telemetry.md says how the metrics of serve:unix are read", async () => {
  await Deno.mkdir("/run/quilt", { recursive: true });
  await using namespace = await makeQuietNamespace();
  await addVxlan(namespace);
  const command = serveCommand([], undefined, "serve:unix");
  await using _sidecar = await startSidecar(namespace, { command });
  assertPage(await runCurl(namespace, "--unix-socket"));
});
