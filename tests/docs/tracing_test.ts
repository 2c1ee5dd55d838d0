import assert from "node:assert/strict";
import { parse } from "yaml";
import { connectClient } from "../support/client.ts";
import { readMarkdown } from "../support/markdown.ts";
import { startCollector } from "../support/otlp_collector.ts";
import { repository } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { makeQuietNamespace } from "../e2e/host.ts";

const { blocks, rows } = readMarkdown(
  Deno.readTextFileSync(`${repository}/docs/telemetry.md`),
);

/** The lines of the only block of the section in this language. */
function example(language: string): readonly string[] {
  const found = blocks.filter((block) =>
    block.section === "Traces and OTLP" && block.language === language
  );
  const [block] = found;
  assert.ok(block !== undefined && found.length === 1, language);
  return block.lines;
}

/** `A=1 B=2` of each line that begins with this word. */
function assignments(lines: readonly string[], word: string): Record<string, string> {
  const pairs = lines.filter((line) => line.startsWith(word))
    .flatMap((line) => line.slice(word.length).split(" "));
  return Object.fromEntries(pairs.map((pair) => {
    const [name = "", value = ""] = pair.split("=");
    return [name, value];
  }));
}

const task = assignments(example("sh"), "export ");

Deno.test("docs/telemetry.md sets the same variables for the task, the unit and the pod", () => {
  assert.deepEqual(assignments(example("ini"), "Environment="), task);
  const { env }: { env: readonly { name: string; value: string }[] } = parse(
    example("yaml").join("\n"),
  );
  assert.deepEqual(
    Object.fromEntries(env.map(({ name, value }) => [name, value])),
    task,
  );
  const documented = rows.filter(({ about, section }) =>
    section === "Traces and OTLP" && about === "Variable"
  ).map(({ cells: [name = ""] }) => name.replaceAll("`", ""));
  assert.deepEqual(
    Object.keys(task).filter((name) => !documented.includes(name)),
    [],
  );
});

Deno.test("the variables of docs/telemetry.md export spans, metrics and the log", async () => {
  await using namespace = await makeQuietNamespace();
  await using collector = await startCollector(namespace);
  // Only so that a test can read it, and soon.
  const env = {
    ...task,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_BSP_SCHEDULE_DELAY: "100",
    OTEL_BLRP_SCHEDULE_DELAY: "100",
    OTEL_METRIC_EXPORT_INTERVAL: "500",
  };
  await using _sidecar = await startSidecar(namespace, { env });
  await using client = await connectClient(namespace);
  await client.configureNodeSubnet("10.42.1.0/24");
  await until(
    () =>
      collector.spans.some(({ name }) =>
        name === "quilt.QuiltRuntime/ConfigureNodeSubnet"
      ) &&
      collector.points("quilt.build.info").length === 1 &&
      collector.logs.some(({ message }) => message.startsWith("Successfully")),
    {
      what: () => JSON.stringify({ logs: collector.logs, count: collector.requests }),
    },
  );
  assert.equal(collector.resource["service.name"], task["OTEL_SERVICE_NAME"]);
});
