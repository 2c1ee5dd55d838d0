/** docs/telemetry.md about traces and OTLP, against what a collector gets. */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { parse } from "yaml";
import { connectClient } from "../support/client.ts";
import { codeIn } from "../support/markdown.ts";
import { addVxlan } from "../support/namespace.ts";
import { type ReceivedSpan, startCollector } from "../support/otlp_collector.ts";
import { codeOf, readPage } from "../support/pages.ts";
import { startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { makeQuietNamespace } from "../e2e/host.ts";

const { blocks, rowsAbout } = readPage("docs/telemetry.md");

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
  const documented = rowsAbout("Variable").map(([name]) => codeOf(name));
  assert.deepEqual(
    Object.keys(task).filter((name) => !documented.includes(name)),
    [],
  );
});

/** The names of spans in the page, each with its attributes. */
function documentedSpans(): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    rowsAbout("Span").map(([name, , attributes = ""]) => {
      // In brackets stand values.
      const names = codeIn(attributes.replaceAll(/\([^)]*\)/g, ""));
      return [codeOf(name), names.toSorted()];
    }),
  );
}

/** The same of spans that were exported; all RPCs have one name. */
function exportedSpans(
  spans: readonly ReceivedSpan[],
): Readonly<Record<string, readonly string[]>> {
  const attributes = new Map<string, Set<string>>();
  for (const span of spans.filter(({ scope }) => scope === "quilt-sidecar")) {
    const name = span.name.replace(/\/.*/, "/…");
    const known = attributes.get(name) ?? new Set();
    attributes.set(name, known.union(new Set(Object.keys(span.attributes))));
  }
  return Object.fromEntries(
    [...attributes].map(([name, all]) => [name, [...all].toSorted()]),
  );
}

Deno.test("the variables of docs/telemetry.md export the spans of its table, metrics and the log", async () => {
  await using namespace = await makeQuietNamespace();
  await addVxlan(namespace);
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
  await client.injectRoute("10.42.2.0/24", "vxlan100");
  await client.injectRoute("10.42.3.0/24", "vxlan200");
  await namespace.ip("route del 10.42.2.0/24");
  const isSame = () =>
    isDeepStrictEqual(exportedSpans(collector.spans), documentedSpans());
  await until(
    () =>
      isSame() && collector.points("quilt.build.info").length === 1 &&
      collector.logs.some(({ message }) => message.startsWith("Successfully")),
    {
      what: () =>
        JSON.stringify({
          spans: exportedSpans(collector.spans),
          documented: documentedSpans(),
          logs: collector.logs,
        }),
    },
  );
  assert.equal(collector.resource["service.name"], task["OTEL_SERVICE_NAME"]);
});
