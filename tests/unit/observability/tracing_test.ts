/** Spans that are exported are tests/e2e/telemetry_test.ts's: they need another process. */
import assert from "node:assert/strict";
import { dropHttpSpan } from "../../../src/observability/http_span.ts";
import { logTelemetry } from "../../../src/observability/exported_log.ts";
import {
  activeTrace,
  runDetached,
  startCallSpan,
  startSpan,
} from "../../../src/observability/tracing.ts";
import { wallClockMs } from "../../../src/observability/wall_clock.ts";

Deno.test("without OpenTelemetry a span has no trace and asks for no attribute", () => {
  const refuse = () => assert.fail("nobody exports it");
  const spans = [
    startCallSpan("quilt.QuiltRuntime/InjectRoute", refuse),
    startSpan("x", {}),
  ];
  for (const span of spans) {
    assert.equal(span.parent, undefined);
    assert.equal(span.run(() => activeTrace()), undefined);
    assert.equal(runDetached(() => 5), 5);
    span.end(refuse);
  }
});

Deno.test("without OpenTelemetry no line of the log goes to console", () => {
  const { onLine, traceId } = logTelemetry();
  assert.equal(onLine, undefined);
  assert.equal(traceId?.(), undefined);
});

Deno.test("without OpenTelemetry a stream keeps what it has", () => {
  const span = Symbol("kOtelSpan");
  const stream = { [span]: "span" };
  dropHttpSpan(stream);
  assert.equal(stream[span], "span");
});

Deno.test("with OpenTelemetry a call's own code is in its span, and the loop that it starts is not", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--frozen", "--cached-only", "--allow-all", "--no-check"],
      new URL("detached_main.ts", import.meta.url).pathname,
    ],
    env: { OTEL_DENO: "true", OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" },
    stderr: "inherit",
  }).output();
  assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), {
    inside: true,
    awaited: true,
    detached: false,
    queue: false,
  });
});

Deno.test("wallClockMs never runs back, and agrees with Date.now", () => {
  let before = 0;
  for (let round = 0; round < 10_000; round += 1) {
    const from = Date.now();
    const now = wallClockMs();
    const to = Date.now();
    assert.ok(now >= before);
    // Date.now() cuts a millisecond, and up to 2 are let pass.
    assert.ok(now >= from - 3 && now <= to + 4, `${from} ${now} ${to}`);
    before = now;
  }
});
