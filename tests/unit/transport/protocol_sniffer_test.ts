import assert from "node:assert/strict";
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
      [`${LINE}a: ${"b".repeat(2_000)}\r\n\r\n`],
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

for (
  const request of [
    "GET / HTTP/1.1\r\n\r\n",
    "GET /healthz HTTP/1.0\r\n\r\n",
    "GET /healthz?x HTTP/1.1\r\n\r\n",
    "HEAD /healthz HTTP/1.1\r\n\r\n",
    "POST /healthz HTTP/1.1\r\n\r\n",
    "get /healthz HTTP/1.1\r\n\r\n",
    `${LINE}a: ${"b".repeat(2_048)}\r\n\r\n`,
    "GET /health\r\n",
    "GET /readyz HTTP/1.0\r\n\r\n",
    "GET /readyz?x HTTP/1.1\r\n\r\n",
    "GET /ready\r\n",
    "HEAD /readyz HTTP/1.1\r\n\r\n",
    `${READY_LINE}a: ${"b".repeat(2_048)}\r\n\r\n`,
    "PRI * HTTP/1.1\r\n\r\n",
  ]
) {
  Deno.test(`sniffProtocol closes the connection without an answer to ${JSON.stringify(request.slice(0, 40))}`, async () => {
    await using surface = await openSurface();
    surface.health.clearNotServing("starting");
    assert.match(await say(surface, request), /^(reset)?$/);
  });
}

Deno.test("sniffProtocol reads headers without an end up to 2 KiB", async () => {
  await using surface = await openSurface();
  const parts = Array.from({ length: 300 }, () => "a: bcdef\r\n");
  assert.match(await say(surface, LINE, ...parts), /^(reset)?$/);
});
