import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import type { Protection } from "../../../src/transport/connection_gate.ts";
import { startServer } from "../../../src/transport/server.ts";
import { ACK, DATA, END_HEADERS, frame, frameReader, HEADERS, headersOf, HELLO, PING } from "../../chaos/http2_frames.ts";

const CALL = headersOf("/quilt.QuiltRuntime/InjectRoute");
/** The first part of a message of 60 kB, then the others: more than is read of who waits. */
const REST_OF_PART = Array.from({ length: 9_995 }, () => 0);
const PARTS = [
  [0, 0, 0, 0xea, 0x60],
  ...Array.from({ length: 5 }, () => [0, 0, 0, 0, 0]),
];

/** A server on a port of its own. */
async function open(protection: Protection) {
  const address = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
  const started = await startServer(address, [], protection);
  assert.ok(started.ok);
  const server = started.value;
  assert.ok(server.address.kind === "tcp");
  return { server, port: server.address.port };
}

/** A connection that has been served: the server's SETTINGS have come. */
async function visit(port: number): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.on("error", () => {});
  socket.write(new Uint8Array(HELLO));
  await once(socket, "data");
  socket.destroy();
}

Deno.test("a server that has served as many sessions as it may says so once, and lets new ones in slowly", async () => {
  const worn: number[] = [];
  const { port, server } = await open({
    mostSessions: 3,
    worn: (sessions) => worn.push(sessions),
  });
  for (let each = 0; each < 3; each += 1) await visit(port);
  assert.deepEqual(worn, [3]);
  const began = performance.now();
  for (let each = 0; each < 10; each += 1) await visit(port);
  // 25 a second, of which two may come at once.
  assert.ok(performance.now() - began > 250, `${performance.now() - began} ms`);
  assert.deepEqual(worn, [3]);
  await server.close(0);
});

Deno.test("a client that has gone before its turn takes nobody's turn and is no session", async () => {
  const worn: number[] = [];
  // In a rush 8 are let in at once, and one more every 8 ms: as many as there are clients
  // would take 2 s, and on a busy machine some may still be there when their turn comes.
  const clients = 300;
  const { port, server } = await open({
    mostSessions: clients,
    worn: (sessions) => worn.push(sessions),
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
  await visit(port);
  const took = performance.now() - began;
  assert.ok(took < 1_000, `${took} ms behind 300 clients that have gone`);
  assert.deepEqual(worn, []);
  await server.close(0);
});

Deno.test("what a client sends while it waits to be let in is read to its end", async () => {
  const { port, server } = await open({ mostSessions: 1 });
  // 40 ms for each of them, once there was a session.
  await visit(port);
  const others = Array.from({ length: 12 }, () => visit(port));
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
