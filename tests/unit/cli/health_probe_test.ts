import assert from "node:assert/strict";
import { probeHealth, type ProbeTarget } from "../../../src/cli/health_probe.ts";

/** A server that answers with these bytes and closes, or never if they are undefined. */
function answering(bytes: string | undefined) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const requests: string[] = [];
  const silent: Deno.Conn[] = [];
  const served = (async () => {
    for await (const connection of listener) {
      if (bytes === undefined) {
        silent.push(connection);
        continue;
      }
      const request = new Uint8Array(1_024);
      const length = await connection.read(request) ?? 0;
      requests.push(new TextDecoder().decode(request.subarray(0, length)));
      await connection.write(new TextEncoder().encode(bytes)).catch(() => {});
      connection.close();
    }
  })();
  const { port } = listener.addr;
  const address = { kind: "tcp", host: "127.0.0.1", port } as const;
  const target: ProbeTarget = { address, tls: undefined };
  return {
    target,
    requests,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await served;
      for (const connection of silent) connection.close();
    },
  };
}

for (
  const [line, status] of [
    ["HTTP/1.1 200 OK", "SERVING"],
    ["HTTP/1.1 503 Service Unavailable", "NOT_SERVING"],
  ] as const
) {
  Deno.test(`probeHealth reads ${status}, and requests nothing but GET /healthz`, async () => {
    await using server = answering(`${line}\r\nConnection: close\r\n\r\n${status}`);
    assert.deepEqual(await probeHealth(server.target, 5_000), {
      kind: "status",
      status,
    });
    assert.deepEqual(server.requests, [
      "GET /healthz HTTP/1.1\r\nHost: quilt-sidecar\r\n\r\n",
    ]);
  });
}

for (
  const bytes of [
    "",
    "SERVING",
    "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\nOK",
    "HTTP/1.1 400 Bad Request\r\n\r\nNOT SERVING",
    "\x15\x03\x01\0\x02\x02\x46",
    "x".repeat(100_000),
  ]
) {
  const shown = JSON.stringify(bytes.slice(0, 40));
  Deno.test(`probeHealth finds no health status in ${shown}`, async () => {
    await using server = answering(bytes);
    const answer = await probeHealth(server.target, 5_000);
    assert.equal(answer.kind, "unavailable", JSON.stringify(answer));
  });
}

Deno.test("probeHealth ends at its deadline if the server does not answer", async () => {
  await using server = answering(undefined);
  const start = performance.now();
  assert.deepEqual(await probeHealth(server.target, 200), {
    kind: "late",
    reason: "no answer came within 200 ms",
  });
  assert.ok(performance.now() - start < 2_000);
});

Deno.test("probeHealth reports a refused connection", async () => {
  const server = answering("");
  await server[Symbol.asyncDispose]();
  assert.deepEqual(await probeHealth(server.target, 5_000), {
    kind: "unavailable",
    reason: "Connection refused (os error 111)",
  });
});
