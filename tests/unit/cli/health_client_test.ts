import assert from "node:assert/strict";
import { askHealth } from "../../../src/cli/health_client.ts";
import type { TcpAddress } from "../../../src/transport/listen_address.ts";

/** Answers each connection with these bytes and ends it, or never if there are none. */
function answering(bytes: string | undefined) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const asked: string[] = [];
  const silent: Deno.Conn[] = [];
  const served = (async () => {
    for await (const connection of listener) {
      if (bytes === undefined) {
        silent.push(connection);
        continue;
      }
      const request = new Uint8Array(1_024);
      const length = await connection.read(request) ?? 0;
      asked.push(new TextDecoder().decode(request.subarray(0, length)));
      await connection.write(new TextEncoder().encode(bytes)).catch(() => {});
      connection.close();
    }
  })();
  const { port } = listener.addr;
  const address: TcpAddress = { kind: "tcp", host: "127.0.0.1", port };
  return {
    address,
    asked,
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
  Deno.test(`the answer ${status} is read, and nothing but GET /healthz was asked`, async () => {
    await using server = answering(`${line}\r\nConnection: close\r\n\r\n${status}`);
    assert.deepEqual(await askHealth(server.address, 5_000), {
      kind: "status",
      status,
    });
    assert.deepEqual(server.asked, [
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
  Deno.test(`what answers ${shown} has no health`, async () => {
    await using server = answering(bytes);
    const answer = await askHealth(server.address, 5_000);
    assert.equal(answer.kind, "none", JSON.stringify(answer));
  });
}

Deno.test("who does not answer in time has no health", async () => {
  await using server = answering(undefined);
  const start = performance.now();
  assert.deepEqual(await askHealth(server.address, 200), {
    kind: "none",
    why: "no answer came within 200 ms",
  });
  assert.ok(performance.now() - start < 2_000);
});

Deno.test("where nobody listens there is no health", async () => {
  const server = answering("");
  await server[Symbol.asyncDispose]();
  assert.deepEqual(await askHealth(server.address, 5_000), {
    kind: "none",
    why: "Connection refused (os error 111)",
  });
});
