/**
 * What Deno's own OpenTelemetry exports of the sidecar, under exactly the task's flags:
 * spans, metrics and log lines arrive at a collector, and one that does not answer slows
 * no call and prints nothing. It compares times: @alone
 */
import assert from "node:assert/strict";
import { parseJsonObject } from "../../deploy/json.ts";
import { connectClient, type QuiltClient } from "../support/client.ts";
import { addVxlan, type Namespace } from "../support/namespace.ts";
import {
  type CollectorBehaviour,
  type OtlpCollector,
  otlpEnvironment,
  type ReceivedSpan,
  startCollector,
} from "../support/otlp_collector.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { bounded, partOf } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import { auditRecords, done, makeQuietNamespace } from "./host.ts";

/** As a client sends it: W3C Trace Context, sampled. */
const CALLER = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
};
const HEADERS = { traceparent: `00-${CALLER.traceId}-${CALLER.spanId}-01` };

const EXCHANGE = "quilt.dataplane.exchange";

interface TracedHost extends AsyncDisposable {
  readonly namespace: Namespace;
  readonly sidecar: Sidecar;
  readonly client: QuiltClient;
}

async function openTracedHost(
  namespace: Namespace,
  env: Readonly<Record<string, string>>,
): Promise<TracedHost> {
  await using stack = new AsyncDisposableStack();
  await addVxlan(namespace);
  const sidecar = stack.use(
    await startSidecar(namespace, { env, options: ["--log-format", "json"] }),
  );
  const client = stack.use(await connectClient(namespace));
  const kept = stack.move();
  return {
    namespace,
    sidecar,
    client,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function ofTrace(collector: OtlpCollector, traceId: string): readonly ReceivedSpan[] {
  return collector.spans.filter((span) => span.traceId === traceId);
}

function spanNamed(
  collector: OtlpCollector,
  name: string,
  isMeant: (span: ReceivedSpan) => boolean = () => true,
): Promise<ReceivedSpan> {
  return until(
    () => collector.spans.find((span) => span.name === name && isMeant(span)),
    { what: () => `a span ${name} among ${JSON.stringify(collector.spans, text)}` },
  );
}

/** JSON has no bigint. */
function text(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

Deno.test("one InjectRoute is a span, log lines, records and a metric with one trace id", async () => {
  await using namespace = await makeQuietNamespace();
  await using collector = await startCollector(namespace);
  await using host = await openTracedHost(namespace, otlpEnvironment());
  const { client, sidecar } = host;
  await client.configureNodeSubnet("10.42.1.0/24");
  const answer = await client.injectRoute("10.42.2.0/24", "vxlan100", {
    headers: HEADERS,
  });
  assert.deepEqual(answer, done);
  await client.injectRoute("10.42.3.0/33", "vxlan100\n");
  await client.removeRoute("10.42.9.0/24");

  const call = await spanNamed(
    collector,
    "quilt.QuiltRuntime/InjectRoute",
    ({ traceId }) => traceId === CALLER.traceId,
  );
  const { "client.port": port, ...attributes } = call.attributes;
  assert.equal(typeof port, "number");
  assert.deepEqual(attributes, {
    "rpc.system.name": "grpc",
    "rpc.method": "quilt.QuiltRuntime/InjectRoute",
    "rpc.status_code": "OK",
    "client.address": "127.0.0.1",
    "quilt.destination": "10.42.2.0/24",
    "quilt.device": "vxlan100",
    "quilt.outcome": "success",
  });
  assert.deepEqual(
    [call.kind, call.scope, call.parentSpanId, call.status],
    [2, "quilt-sidecar", CALLER.spanId, 0],
  );
  await until(() => ofTrace(collector, CALLER.traceId).length >= 3, {
    what: () => `the spans of the call: ${JSON.stringify(collector.spans, text)}`,
  });
  const children = ofTrace(collector, CALLER.traceId).filter((span) => span !== call);
  for (const child of children) {
    assert.equal(child.name, EXCHANGE);
    assert.equal(child.parentSpanId, call.spanId);
    assert.equal(child.attributes["quilt.outcome"], "answered");
    assert.ok(Number(child.attributes["quilt.operations"]) > 0);
    assert.ok(Number(child.attributes["quilt.queue.wait"]) >= 0);
    assert.ok(call.startNs <= child.startNs && child.endNs <= call.endNs);
  }

  const refused = await spanNamed(
    collector,
    call.name,
    (span) => span.attributes["quilt.outcome"] === "refused",
  );
  assert.equal(refused.attributes["quilt.device"], "vxlan100\\u000a");
  assert.match(String(refused.attributes["quilt.fault"]), /10\.42\.3\.0\/33/);
  assert.equal(refused.parentSpanId, "");

  const counted = () =>
    Object.fromEntries(
      collector.points("rpc.server.call.duration").map(({ attributes, value }) => [
        `${attributes["rpc.method"]} ${attributes["quilt.outcome"]}`,
        value,
      ]),
    );
  await until(() => Object.keys(counted()).length === 4, {
    what: () => `the metrics of four kinds of calls: ${JSON.stringify(counted())}`,
  });
  assert.deepEqual(counted(), {
    "quilt.QuiltRuntime/ConfigureNodeSubnet success": 1,
    "quilt.QuiltRuntime/InjectRoute success": 1,
    "quilt.QuiltRuntime/InjectRoute refused": 1,
    "quilt.QuiltRuntime/RemoveRoute success": 1,
  });
  assert.equal(collector.resource["service.name"], "quilt-sidecar");

  const ours = () => collector.logs.filter(({ traceId }) => traceId === CALLER.traceId);
  await until(() => ours().length >= 3, {
    what: () => `the lines of the call: ${JSON.stringify(collector.logs)}`,
  });
  const { success } = await sidecar.stop();
  assert.ok(success);
  const printed = sidecar.log.map(parseJsonObject)
    .filter((line) => line["trace_id"] === CALLER.traceId);
  assert.deepEqual(ours().map(({ message }) => message), [
    "RPC: InjectRoute(destination=10.42.2.0/24, via=vxlan100)",
    "Added route: 10.42.2.0/24 dev vxlan100 (index: 2)",
    "Successfully injected route: 10.42.2.0/24 dev vxlan100",
  ]);
  assert.deepEqual(
    printed.map(({ message }) => message),
    ours().map(({ message }) => message),
  );
  const records = auditRecords(sidecar).filter(({ trace_id: id }) =>
    id === CALLER.traceId
  );
  assert.deepEqual(records.map(({ rpc }) => rpc), ["InjectRoute", "InjectRoute"]);
  // Neither the warm-up nor the HTTP/2 streams of Deno have spans.
  const names = new Set(collector.spans.map(({ name }) => name));
  assert.deepEqual([...names].filter((name) => !name.startsWith("quilt.")), []);
  assert.deepEqual([...names].filter((name) => name.includes("WarmUp")), []);
});

Deno.test("a repair is a trace of its own with a link to the call that asked for the route", async () => {
  await using namespace = await makeQuietNamespace();
  await using collector = await startCollector(namespace);
  await using host = await openTracedHost(namespace, otlpEnvironment());
  await host.client.configureNodeSubnet("10.42.1.0/24");
  await host.client.injectRoute("10.42.2.0/24", "vxlan100", { headers: HEADERS });
  await namespace.ip("route delete 10.42.2.0/24");
  const repair = await spanNamed(
    collector,
    "quilt.repair",
    ({ attributes }) => attributes["quilt.outcome"] === "changed",
  );
  const call = await spanNamed(collector, "quilt.QuiltRuntime/InjectRoute");
  assert.deepEqual(repair.links, [{ traceId: CALLER.traceId, spanId: call.spanId }]);
  assert.equal(repair.parentSpanId, "");
  assert.notEqual(repair.traceId, CALLER.traceId);
  const { "quilt.repair.delay": delay, ...attributes } = repair.attributes;
  assert.ok(Number(delay) >= 0);
  assert.deepEqual(attributes, {
    "quilt.prefix": "10.42.2.0/24",
    "quilt.cause": "event",
    "quilt.outcome": "changed",
    "quilt.repair": "route",
  });
  const child = await spanNamed(
    collector,
    EXCHANGE,
    ({ parentSpanId }) => parentSpanId === repair.spanId,
  );
  assert.equal(child.traceId, repair.traceId);
  // Lines of what the sidecar does by itself belong to no call, whatever began it.
  for (const start of ["Repaired", "fdb-empty"]) {
    const line = await until(
      () => collector.logs.find(({ message }) => message.startsWith(start)),
      { what: () => `"${start}" in the log: ${JSON.stringify(collector.logs)}` },
    );
    assert.equal(line.traceId, "");
  }
});

/** Lines that neither the log nor the audit trail writes. */
function strangeLines({ audit, log }: Sidecar): readonly string[] {
  const isRecord = (line: string) => /^\{"time":"[^"]+Z",.*\}$/.test(line);
  return [...audit, ...log].filter((line) => !isRecord(line));
}

for (const console of ["capture", "ignore", "replace"] as const) {
  Deno.test(`OTEL_DENO_CONSOLE=${console} prints no line of the log twice`, async () => {
    await using namespace = await makeQuietNamespace();
    await using collector = await startCollector(namespace);
    await using host = await openTracedHost(namespace, otlpEnvironment(console));
    await host.client.configureNodeSubnet("10.42.1.0/24");
    const configured = /Successfully configured subnet/;
    if (console === "replace") {
      await until(
        () => collector.logs.some(({ message }) => configured.test(message)),
        {
          what: "the exported line",
        },
      );
    }
    await host.sidecar.stop();
    assert.equal(host.sidecar.log.filter((line) => configured.test(line)).length, 1);
    assert.deepEqual(host.sidecar.audit.filter((line) => configured.test(line)), []);
    assert.deepEqual(strangeLines(host.sidecar), []);
    if (console !== "replace") assert.deepEqual(collector.logs, []);
  });
}

/** The median of so many InjectRoute and RemoveRoute in turn, in microseconds. */
async function pace({ client }: TracedHost): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < bounded(200, 100); round += 1) {
    const destination = `10.42.${2 + round % 200}.0/24`;
    for (const rpc of ["InjectRoute", "RemoveRoute"] as const) {
      const { answer, microseconds } = await client.call(rpc, {
        destination,
        ...(rpc === "InjectRoute" ? { via_interface: "vxlan100" } : {}),
      });
      assert.deepEqual(answer, done);
      times.push(microseconds);
    }
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)] ?? 0;
}

/** How much longer a call may take than with a collector that takes what it gets. */
const MOST = 2.5;

Deno.test("a collector that refuses, is slow, hangs or is absent slows no call", async () => {
  const measure = async (
    behaviour: CollectorBehaviour | "absent",
  ): Promise<number> => {
    await using namespace = await makeQuietNamespace();
    await using stack = new AsyncDisposableStack();
    if (behaviour !== "absent") stack.use(await startCollector(namespace, behaviour));
    await using host = await openTracedHost(namespace, otlpEnvironment());
    await host.client.configureNodeSubnet("10.42.1.0/24");
    await pace(host);
    const median = await pace(host);
    // What is in the queues leaves first: docs/telemetry.md says how long that takes.
    const { success } = await host.sidecar.stop(20_000);
    assert.ok(success, behaviour);
    assert.deepEqual(strangeLines(host.sidecar), [], behaviour);
    return median;
  };
  const taking = await measure("take");
  const behaviours = ["hang", "absent", "slow", "refuse"] as const;
  for (const behaviour of partOf(behaviours, 1)) {
    const median = await measure(behaviour);
    assert.ok(median < taking * MOST, `${behaviour}: ${median} µs to ${taking} µs`);
  }
});
