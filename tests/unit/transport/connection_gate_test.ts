import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import type { ConnectionGateOptions } from "../../../src/transport/connection_gate.ts";
import { startServer } from "../../../src/transport/server.ts";
import {
  ACK,
  DATA,
  END_HEADERS,
  frame,
  frameReader,
  HEADERS,
  headersOf,
  HELLO,
  PING,
} from "../../chaos/http2_frames.ts";

const CALL = headersOf("/quilt.QuiltRuntime/InjectRoute");
/** The first part of a message of 60 kB, then the others: more than is read of a queued client. */
const REST_OF_PART = Array.from({ length: 9_995 }, () => 0);
const PARTS = [
  [0, 0, 0, 0xea, 0x60],
  ...Array.from({ length: 5 }, () => [0, 0, 0, 0, 0]),
];

/** A server on a port of its own. */
async function open(options: ConnectionGateOptions) {
  const address = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
  const started = await startServer(address, [], options);
  assert.ok(started.ok);
  const server = started.value;
  assert.ok(server.address.kind === "tcp");
  return { server, port: server.address.port };
}

/** Connects until the server's SETTINGS have come, so that there was a session. */
async function connectOnce(port: number): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.on("error", () => {});
  socket.write(new Uint8Array(HELLO));
  await once(socket, "data");
  socket.destroy();
}

Deno.test("ConnectionGate reports once when it has served the most sessions, and accepts new ones at a lower rate", async () => {
  const reported: number[] = [];
  const { port, server } = await open({
    maxSessions: 3,
    onSessionLimit: (sessions) => reported.push(sessions),
  });
  for (let each = 0; each < 3; each += 1) await connectOnce(port);
  assert.deepEqual(reported, [3]);
  const began = performance.now();
  for (let each = 0; each < 10; each += 1) await connectOnce(port);
  // 25 a second, of which one is accepted at once.
  assert.ok(performance.now() - began > 250, `${performance.now() - began} ms`);
  assert.deepEqual(reported, [3]);
  await server.close(0);
});

Deno.test("ConnectionGate gives no turn and no session to a client that has left the queue", async () => {
  const reported: number[] = [];
  // Of a burst 6 are accepted at once, and one more every 8 ms: as many as there are clients
  // would take 2 s, and on a busy machine some may still be there when their turn comes.
  const clients = 300;
  const { port, server } = await open({
    maxSessions: clients,
    onSessionLimit: (sessions) => reported.push(sessions),
  });
  const gone = Array.from({ length: clients }, async () => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.on("error", () => {});
    socket.write(new Uint8Array(HELLO));
    await once(socket, "connect");
    socket.destroy();
  });
  await Promise.all(gone);
  const began = performance.now();
  await connectOnce(port);
  const took = performance.now() - began;
  assert.ok(took < 1_000, `${took} ms behind 300 clients that have left`);
  assert.deepEqual(reported, []);
  await server.close(0);
});

Deno.test("ConnectionGate reads all that a client sends while it is queued", async () => {
  const { port, server } = await open({ maxSessions: 1 });
  // 40 ms for each of them, once there was a session.
  await connectOnce(port);
  const others = Array.from({ length: 12 }, () => connectOnce(port));
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.write(new Uint8Array([...HELLO, ...frame(HEADERS, END_HEADERS, 1, CALL)]));
  for (const part of PARTS) {
    socket.write(new Uint8Array(frame(DATA, 0, 1, [...part, ...REST_OF_PART])));
    // Each of them is to come by itself.
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  socket.write(new Uint8Array(frame(PING, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8])));
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error("The ping is not answered")),
      5_000,
    );
    const read = frameReader(({ type, flags }) => {
      if (type !== PING || (flags & ACK) === 0) return;
      clearTimeout(timer);
      resolve();
    });
    socket.on("data", read);
  });
  socket.destroy();
  await Promise.all(others);
  await server.close(0);
});
