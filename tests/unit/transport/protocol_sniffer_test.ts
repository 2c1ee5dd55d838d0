import assert from "node:assert/strict";
import type { TextPage } from "../../../src/shared/text_page.ts";
import { finding } from "../api/memory_data_path.ts";
import { type OpenSurface, openSurface } from "./surface.ts";

/** Sends the parts one after another, and reads until the server ends the connection. */
async function say({ server }: OpenSurface, ...parts: readonly string[]) {
  assert.ok(server.address.kind === "tcp");
  using connection = await Deno.connect({ port: server.address.port });
  const encoder = new TextEncoder();
  const reading = new Response(connection.readable).text().catch(() => "reset");
  for (const part of parts) {
    await connection.write(encoder.encode(part)).catch(() => {});
  }
  return await reading;
}

function answer(line: string, body: string): string {
  return `HTTP/1.1 ${line}\r\nContent-Type: text/plain\r\n` +
    `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
}

const SERVING = answer("200 OK", "SERVING");
const NOT_SERVING = answer("503 Service Unavailable", "NOT_SERVING");
const LINE = "GET /healthz HTTP/1.1\r\n";

Deno.test("sniffProtocol answers GET /healthz with 200 SERVING or 503 NOT_SERVING, as gRPC's health of the whole server, and closes the connection", async () => {
  await using surface = await openSurface();
  const request = `${LINE}Host: 127.0.0.1:50051\r\nUser-Agent: kube-probe/1.34\r\n` +
    "Accept: */*\r\nConnection: close\r\n\r\n";
  assert.equal(await say(surface, request), NOT_SERVING);
  surface.health.clearNotServing("starting");
  assert.equal(await say(surface, request), SERVING);
  surface.health.setNotServing("kernel");
  assert.equal(await say(surface, request), NOT_SERVING);
});

Deno.test("sniffProtocol answers GET /healthz without headers, in any pieces, and with more behind it", async () => {
  await using surface = await openSurface();
  surface.health.clearNotServing("starting");
  for (
    const parts of [
      [`${LINE}\r\n`],
      [...`${LINE}a: b\r\n\r\n`],
      [`${LINE}a: b\r\n\r`, "\n"],
      [`${LINE}\r\n${LINE}\r\n`, "more"],
      [`${LINE}a: ${"b".repeat(4_000)}\r\n\r\n`],
    ]
  ) {
    assert.equal(await say(surface, ...parts), SERVING, parts.join("").slice(0, 60));
  }
});

const READY_LINE = "GET /readyz HTTP/1.1\r\n";

Deno.test("sniffProtocol answers GET /readyz with 200 if the sidecar serves and nothing stops traffic, and else with 503 and the reasons", async () => {
  await using surface = await openSurface();
  const { dataPath, health } = surface;
  const ready = () => say(surface, `${READY_LINE}Host: 127.0.0.1:50051\r\n\r\n`);
  const not = (...reasons: readonly string[]) =>
    answer("503 Service Unavailable", ["NOT_SERVING", ...reasons, ""].join("\n"));
  assert.equal(await ready(), not("sidecar-not-serving", "not-diagnosed"));
  health.clearNotServing("starting");
  assert.equal(await ready(), not("not-diagnosed"));
  dataPath.publish([finding("missing-routes", "warning", { device: "vxlan100" })]);
  assert.equal(await ready(), answer("200 OK", "SERVING\n"));
  dataPath.publish([
    finding("device-down", "critical", { device: "vxlan100" }),
    finding("forwarding-off", "critical"),
  ]);
  assert.equal(await ready(), not("device-down", "forwarding-off"));
  assert.equal(await say(surface, `${LINE}\r\n`), SERVING);
});

Deno.test("sniffProtocol answers GET /readyz in any pieces, and with more behind it", async () => {
  await using surface = await openSurface();
  surface.health.clearNotServing("starting");
  surface.dataPath.publish([]);
  const ready = answer("200 OK", "SERVING\n");
  for (
    const parts of [
      [`${READY_LINE}\r\n`],
      [...`${READY_LINE}a: b\r\n\r\n`],
      [`${READY_LINE}\r\n${LINE}\r\n`],
    ]
  ) {
    assert.equal(await say(surface, ...parts), ready, parts.join("").slice(0, 60));
  }
});

const METRICS_LINE = "GET /metrics HTTP/1.1\r\n";

/** A page that says for which Accept header it was made. */
function shownFor(accept = "none"): Promise<TextPage> {
  const body = new TextEncoder().encode(`for ${accept}\n`);
  return Promise.resolve({ status: 200, contentType: "text/x", body });
}

function metricsAnswer(accept: string): string {
  return answer("200 OK", `for ${accept}\n`).replace("text/plain", "text/x");
}

Deno.test("sniffProtocol answers GET /metrics with the page for its Accept headers, in any pieces, and with more behind it", async () => {
  await using surface = await openSurface({ metrics: shownFor });
  for (
    const [accept, ...parts] of [
      ["none", `${METRICS_LINE}\r\n`],
      ["none", ...`${METRICS_LINE}X-Accept: text/x\r\n\r\n`],
      [" a/b;q=0.5", `${METRICS_LINE}Host: x\r\nAccept: a/b;q=0.5\r\nc: d\r\n\r\n`],
      ["a/b,c/d", `${METRICS_LINE}ACCEPT:a/b\r\naccept:c/d\r\n\r\nmore`, "more"],
    ] as const
  ) {
    assert.equal(await say(surface, ...parts), metricsAnswer(accept), parts.join(""));
  }
});

Deno.test("sniffProtocol answers GET /metrics of a client that has closed its side of the connection", async () => {
  const asked = Promise.withResolvers<void>();
  const page = Promise.withResolvers<TextPage>();
  const metrics = () => {
    asked.resolve();
    return page.promise;
  };
  await using surface = await openSurface({ metrics });
  assert.ok(surface.server.address.kind === "tcp");
  using connection = await Deno.connect({ port: surface.server.address.port });
  await connection.write(new TextEncoder().encode(`${METRICS_LINE}\r\n`));
  await connection.closeWrite();
  await asked.promise;
  // The end has been received when a later connection is answered.
  assert.equal(await say(surface, `${LINE}\r\n`), NOT_SERVING);
  page.resolve(await shownFor());
  assert.equal(await new Response(connection.readable).text(), metricsAnswer("none"));
});

Deno.test("sniffProtocol answers GET /metrics in the order and at the rate of new connections", async () => {
  await using surface = await openSurface({ metrics: shownFor });
  const from = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 31 }, () => say(surface, `${METRICS_LINE}\r\n`)),
  );
  assert.deepEqual(new Set(answers), new Set([metricsAnswer("none")]));
  // 6 of a burst at once, and 25 at 125 a second.
  assert.ok(performance.now() - from > 190, `${performance.now() - from} ms`);
});

for (
  const request of [
    "GET / HTTP/1.1\r\n\r\n",
    "GET /healthz HTTP/1.0\r\n\r\n",
    "GET /healthz?x HTTP/1.1\r\n\r\n",
    "HEAD /healthz HTTP/1.1\r\n\r\n",
    "POST /healthz HTTP/1.1\r\n\r\n",
    "get /healthz HTTP/1.1\r\n\r\n",
    `${LINE}a: ${"b".repeat(4_096)}\r\n\r\n`,
    "GET /health\r\n",
    "GET /readyz HTTP/1.0\r\n\r\n",
    "GET /readyz?x HTTP/1.1\r\n\r\n",
    "GET /ready\r\n",
    "HEAD /readyz HTTP/1.1\r\n\r\n",
    `${READY_LINE}a: ${"b".repeat(4_096)}\r\n\r\n`,
    "PRI * HTTP/1.1\r\n\r\n",
    "GET /metrics HTTP/1.1\r\n\r\n",
  ]
) {
  Deno.test(`sniffProtocol closes the connection without an answer to ${JSON.stringify(request.slice(0, 40))}`, async () => {
    await using surface = await openSurface();
    surface.health.clearNotServing("starting");
    assert.match(await say(surface, request), /^(reset)?$/);
  });
}

Deno.test("sniffProtocol reads headers without an end up to 4 KiB", async () => {
  await using surface = await openSurface();
  const parts = Array.from({ length: 600 }, () => "a: bcdef\r\n");
  assert.match(await say(surface, LINE, ...parts), /^(reset)?$/);
});
