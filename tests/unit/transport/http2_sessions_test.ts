import { Server } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { connect, createServer, type ServerHttp2Session } from "node:http2";
import { duplexPair } from "node:stream";
import { ClientInput } from "../../../src/transport/client_input.ts";
import { FrameBudget } from "../../../src/transport/frame_budget.ts";
import { guardSession, http2ServerOf } from "../../../src/transport/http2_sessions.ts";
import { Socket } from "node:net";

Deno.test("a grpc-js that keeps its HTTP/2 server elsewhere is refused", () => {
  const server = new Server();
  assert.throws(() => http2ServerOf(server), TypeError);
});

Deno.test("a Deno that reads HTTP/2 in another way is refused", () => {
  const socket = new Socket();
  const nothing = {
    mayBegin: () => true,
    message: () => {},
    window: () => {},
    initialWindow: () => {},
  };
  const budget = new FrameBudget(1, nothing);
  const listener = { begin: () => "unlimited" as const, receive: () => {}, fault: () => {} };
  assert.throws(() => new ClientInput(socket, () => {}, budget, listener), TypeError);
  socket.destroy();
});

/** A session of a server, guarded, with a client that makes one request. */
async function openSession(
  serve: (session: ServerHttp2Session) => { readonly failures: readonly unknown[] },
) {
  const server = createServer();
  const guarded = Promise.withResolvers<ReturnType<typeof serve>>();
  server.on("session", (session) => guarded.resolve(serve(session)));
  server.on("sessionError", () => {});
  const [ours, theirs] = duplexPair();
  server.emit("connection", theirs);
  const client = connect("http://x", { createConnection: () => ours });
  client.on("error", () => {});
  const request = client.request({ ":method": "POST", ":path": "/" });
  request.on("error", () => {});
  request.end();
  const closed = new Promise((resolve) => client.once("close", resolve));
  return { guarded: await guarded.promise, client, closed };
}

Deno.test("what a listener of a session's streams throws ends the session, and is told", async () => {
  const thrown = new Error("no");
  const { closed, guarded: { failures } } = await openSession((session) => {
    const failures: unknown[] = [];
    guardSession(session, {
      opened: (opened, serve) => serve(opened.headers),
      failed: (error) => failures.push(error),
    });
    session.on("stream", () => {
      throw thrown;
    });
    return { failures };
  });
  await closed;
  assert.deepEqual(failures, [thrown]);
});

Deno.test("a stream that is gone is not served, and a session that is over is itself again", async () => {
  const told: unknown[] = [];
  const { closed } = await openSession((session) => {
    const { emit } = session;
    guardSession(session, {
      opened: ({ headers, stream }, serve) => {
        stream.destroy();
        serve(headers);
        session.destroy();
      },
      failed: (error) => told.push(error),
    });
    session.on("stream", (stream) => told.push(stream));
    session.once("close", () => {
      queueMicrotask(() => told.push(session.emit === emit));
    });
    assert.ok(session instanceof EventEmitter);
    return { failures: [] };
  });
  await closed;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(told, [true]);
});
