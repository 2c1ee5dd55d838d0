import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { connect, createServer, type ServerHttp2Session } from "node:http2";
import { duplexPair } from "node:stream";
import {
  containError,
  guardSession,
  isConnectionError,
  runForConnection,
} from "../../../src/transport/error_containment.ts";

/** An error with a stack as Deno 2.9.3 writes it. */
function errorAt(places: readonly string[], code?: string): Error {
  const error = Object.assign(new Error("no"), code === undefined ? {} : { code });
  error.stack = ["Error: no", ...places.map((place) => `    at f (${place}:1:2)`)].join(
    "\n",
  );
  return error;
}

const GRPC = "file:///deno-dir/npm/registry/@grpc/grpc-js/1.14.7/build/src/server.js";

Deno.test("isConnectionError is true for errors of HTTP/2, of the modules below it, and of grpc-js", () => {
  const errors = [
    errorAt(["file:///app/src/transport/server.ts"], "ERR_HTTP2_INVALID_STREAM"),
    errorAt(["ext:deno_node/http2.ts", "ext:core/01_core.js"]),
    errorAt(["ext:deno_node/_events.mjs", "ext:deno_node/net.ts"]),
    errorAt(["ext:deno_node/internal/streams/destroy.js"]),
    errorAt([GRPC, "ext:deno_node/http2.ts"]),
  ];
  for (const error of errors) assert.ok(isConnectionError(error), String(error.stack));
});

Deno.test("isConnectionError is false for our own errors, also when a library called us, and for those of ip's pipes", () => {
  const errors: readonly unknown[] = [
    errorAt(["file:///app/src/api/unary_handler.ts", GRPC, "ext:deno_node/http2.ts"]),
    errorAt(["file:///app/src/sidecar.ts"]),
    errorAt([
      "ext:deno_node/net.ts",
      "file:///app/src/dataplane/iproute2/batch_process.ts",
    ]),
    errorAt(["ext:deno_node/child_process.ts", "ext:deno_node/net.ts"]),
    errorAt([]),
    new Error("no"),
    "no",
    undefined,
  ];
  for (const error of errors) assert.ok(!isConnectionError(error), String(error));
});

Deno.test("containError closes the connection whose octets caused the error, and leaves our own errors", async () => {
  const closed: string[] = [];
  const error = errorAt(["ext:deno_node/http2.ts"]);
  const process = (name: string): Promise<void> =>
    runForConnection(() => closed.push(name), async () => {
      await Promise.resolve();
      assert.equal(containError(error), true);
      assert.equal(containError(new Error("ours")), false);
    });
  await Promise.all([process("one"), process("other")]);
  assert.deepEqual(closed.toSorted(), ["one", "other"]);
  // An error outside of any connection's work.
  assert.equal(containError(error), true);
  assert.equal(closed.length, 2);
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

Deno.test("guardSession destroys the session when a listener throws, and reports the error", async () => {
  const thrown = new Error("no");
  const { closed, guarded: { failures } } = await openSession((session) => {
    const failures: unknown[] = [];
    guardSession(session, {
      onStream: (opened, serve) => serve(opened.headers),
      onError: (error) => failures.push(error),
    });
    session.on("stream", () => {
      throw thrown;
    });
    return { failures };
  });
  await closed;
  assert.deepEqual(failures, [thrown]);
});

Deno.test("guardSession hands no destroyed stream to grpc-js, and lets go of a session that has closed", async () => {
  const reported: unknown[] = [];
  const { closed } = await openSession((session) => {
    const { emit } = session;
    guardSession(session, {
      onStream: ({ headers, stream }, serve) => {
        stream.destroy();
        serve(headers);
        session.destroy();
      },
      onError: (error) => reported.push(error),
    });
    session.on("stream", (stream) => reported.push(stream));
    session.once("close", () => {
      queueMicrotask(() => reported.push(session.emit === emit));
    });
    assert.ok(session instanceof EventEmitter);
    return { failures: [] };
  });
  await closed;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(reported, [true]);
});
