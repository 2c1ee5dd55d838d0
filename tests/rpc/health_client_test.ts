import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createServer, type Server as TcpServer } from "node:net";
import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerErrorResponse,
  status,
} from "@grpc/grpc-js";
import { askHealth } from "../../src/rpc/health_client.ts";
import type { TcpAddress } from "../../src/rpc/listen_address.ts";

/** What a server answers: these bytes as the message, or an error; never, if nothing. */
type Reply = { readonly bytes: readonly number[] } | ServerErrorResponse | undefined;

function loopback(port: number): TcpAddress {
  return { kind: "tcp", host: "127.0.0.1", port };
}

/** A health service of any behaviour, that counts the services it was asked for. */
async function serveHealth(reply: Reply) {
  const asked: string[] = [];
  const server = new Server();
  const raw = {
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  };
  const path = "/grpc.health.v1.Health/Check";
  server.addService({
    Check: { path, requestStream: false, responseStream: false, ...raw },
  }, {
    Check: (call: { request: Buffer }, answer: sendUnaryData<Buffer>) => {
      asked.push(call.request.toString("hex"));
      if (reply === undefined) return;
      if ("bytes" in reply) answer(null, Buffer.from(reply.bytes));
      else answer(reply);
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync(
    "127.0.0.1:0",
    ServerCredentials.createInsecure(),
    (error, port) => error === null ? resolve(port) : reject(error),
  );
  const address = loopback(await promise);
  return { address, asked, [Symbol.dispose]: () => server.forceShutdown() };
}

for (
  const [bytes, expected] of [
    [[8, 1], "SERVING"],
    [[8, 2], "NOT_SERVING"],
    [[8, 3], "SERVICE_UNKNOWN"],
    [[], "UNKNOWN"],
  ] as const
) {
  Deno.test(`a health check reads the status ${expected} of the server as a whole`, async () => {
    using server = await serveHealth({ bytes });
    assert.deepEqual(await askHealth(server.address, 5_000), {
      kind: "status",
      status: expected,
    });
    assert.deepEqual(server.asked, [""], "the service asked for is not the empty name");
  });
}

for (const bytes of [[8], [8, 4], [16, 1], [8, 129, 1], [8, 1, 8, 2], [10, 0]]) {
  Deno.test(`a health check believes no answer of the bytes ${bytes}`, async () => {
    using server = await serveHealth({ bytes });
    assert.deepEqual(await askHealth(server.address, 5_000), {
      kind: "none",
      why: "the answer is none of gRPC health checking v1",
    });
  });
}

Deno.test("a server without a health service has no health", async () => {
  using server = await serveHealth(
    Object.assign(new Error("none here"), { code: status.UNIMPLEMENTED }),
  );
  assert.deepEqual(await askHealth(server.address, 5_000), {
    kind: "none",
    why: "the call ended with gRPC status 12",
  });
});

Deno.test("a server that does not answer in time has no health", async () => {
  using server = await serveHealth(undefined);
  const start = performance.now();
  assert.deepEqual(await askHealth(server.address, 200), {
    kind: "none",
    why: "no answer came within 200 ms",
  });
  assert.ok(performance.now() - start < 2_000);
});

/** Listens, and does with each connection what it is told. */
async function listenTcp(act: Parameters<typeof createServer>[1]) {
  const server: TcpServer = createServer(act);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return {
    address: loopback(address.port),
    [Symbol.dispose]: () => void server.close(),
  };
}

Deno.test("what is no gRPC server, or nobody at all, has no health", async () => {
  using closing = await listenTcp((socket) => socket.destroy());
  using talking = await listenTcp((socket) => {
    socket.on("error", () => {});
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  const { address: nobody } = closing;
  for (const address of [closing.address, talking.address]) {
    const answer = await askHealth(address, 5_000);
    assert.equal(answer.kind, "none", `${address.port}: ${JSON.stringify(answer)}`);
  }
  closing[Symbol.dispose]();
  assert.deepEqual(await askHealth(nobody, 5_000), {
    kind: "none",
    why: `connect ECONNREFUSED 127.0.0.1:${nobody.port}`,
  });
});
