/** Each connection that the server closes is counted once, with its reason. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import type { RefusalReason } from "../../../src/observability/instruments.ts";
import type { ConnectionGateOptions } from "../../../src/transport/connection_gate.ts";
import { startServer } from "../../../src/transport/server.ts";
import { readTlsFiles } from "../../../src/transport/tls/files.ts";
import {
  ascii,
  type Bytes,
  DATA,
  END_HEADERS,
  frame,
  HEADERS,
  headersOf,
  HELLO,
  literal,
  PING,
} from "../../chaos/http2_frames.ts";
import { collectMetrics } from "../../support/collected_metrics.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { fullTest } from "../../support/suite.ts";
import { until } from "../../support/wait.ts";

const CALL = headersOf("/quilt.QuiltRuntime/InjectRoute");
/** In the dynamic table as its first entry, and then named by its index. */
const LONG = [0x40, ...literal("x-large", "y".repeat(4_000)).slice(1)];
const LONG_AGAIN = 0x80 | 62;

/** What a client sends, and why its connection is closed. */
const REFUSALS: readonly (readonly [RefusalReason, string, Bytes])[] = [
  ["not-http", "another request", ascii("GET / HTTP/1.1\r\n\r\n")],
  ["not-http", "TLS", [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]],
  [
    "frames",
    "a thousand pings",
    [
      ...HELLO,
      ...Array.from(
        { length: 1_000 },
        () => frame(PING, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]),
      )
        .flat(),
    ],
  ],
  [
    "bytes",
    "a request without end",
    [
      ...HELLO,
      ...frame(HEADERS, END_HEADERS, 1, CALL),
      ...Array.from(
        { length: 40 },
        () => frame(DATA, 0, 1, Array<number>(16_000).fill(1)),
      )
        .flat(),
    ],
  ],
  [
    "headers",
    "headers that decode to more than 64 KiB",
    [
      ...HELLO,
      ...frame(HEADERS, END_HEADERS, 1, [
        ...CALL,
        ...LONG,
        ...Array<number>(20).fill(LONG_AGAIN),
      ]),
    ],
  ],
];

/** A server, and the reasons of what it closed. */
async function open(options: ConnectionGateOptions = {}) {
  const { counted, instruments } = collectMetrics();
  const started = await startServer({ kind: "tcp", host: "127.0.0.1", port: 0 }, [], {
    ...options,
    onRefused: instruments.refused,
  });
  assert.ok(started.ok && started.value.address.kind === "tcp");
  const server = started.value;
  return {
    port: started.value.address.port,
    refused: () => counted("quilt.connections.refused"),
    [Symbol.asyncDispose]: () => server.close(0),
  };
}

/** Sends bytes, and waits until the server has closed the connection. */
async function send(port: number, bytes: Bytes): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.on("error", () => {});
  socket.resume();
  socket.write(new Uint8Array(bytes));
  await new Promise((resolve) => socket.once("close", resolve));
}

for (const [reason, what, bytes] of REFUSALS) {
  Deno.test(`the server counts a connection with ${what} as refused: ${reason}`, async () => {
    await using server = await open();
    await send(server.port, bytes);
    assert.deepEqual(await server.refused(), {
      [`quilt.connections.refused ${reason}`]: 1,
    });
  });
}

Deno.test("the server counts a failed TLS handshake as refused: handshake", async () => {
  const folder = await Deno.makeTempDir();
  await using _folder = {
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
  const authority = await makeAuthority(folder, "ca");
  const files = await authority.issue("node");
  const material = await readTlsFiles({ ...files, ca: authority.cert });
  assert.ok(material.ok);
  await using server = await open({ tls: material.value });
  await send(server.port, HELLO);
  const refused = { "quilt.connections.refused handshake": 1 };
  await until(
    async () => JSON.stringify(await server.refused()) === JSON.stringify(refused),
    {
      what: "the refusal",
    },
  );
});

Deno.test("the server counts no connection as refused that its client has ended", async () => {
  await using server = await open();
  for (const bytes of [[], HELLO.slice(0, 5), HELLO]) {
    const socket = connect({ port: server.port, host: "127.0.0.1" });
    await once(socket, "connect");
    socket.end(new Uint8Array(bytes));
    socket.resume();
    await once(socket, "close");
  }
  assert.deepEqual(await server.refused(), {});
});

fullTest(
  "the server counts each connection beyond 512 as one that is evicted",
  async () => {
    await using server = await open();
    const clients = Array.from({ length: 520 }, async () => {
      const socket = connect({ port: server.port, host: "127.0.0.1", noDelay: true });
      socket.on("error", () => {});
      socket.resume();
      socket.write(new Uint8Array(HELLO));
      await once(socket, "connect");
      return socket;
    });
    const sockets = await Promise.all(clients);
    const closed = () => sockets.filter(({ closed }) => closed).length;
    await until(() => closed() === 8, { what: "8 to be evicted", deadlineMs: 60_000 });
    assert.deepEqual(await server.refused(), {
      "quilt.connections.refused evicted": 8,
    });
    for (const socket of sockets) socket.destroy();
  },
);
