import assert from "node:assert/strict";
import { endConnectionFor, isOfConnection, onConnection } from "../../../src/transport/connection_error.ts";

/** An error with a stack as Deno 2.9.3 writes it. */
function errorAt(places: readonly string[], code?: string): Error {
  const error = Object.assign(new Error("no"), code === undefined ? {} : { code });
  error.stack = ["Error: no", ...places.map((place) => `    at f (${place}:1:2)`)].join(
    "\n",
  );
  return error;
}

const GRPC = "file:///deno-dir/npm/registry/@grpc/grpc-js/1.14.7/build/src/server.js";

Deno.test("an error of HTTP/2, of what it stands on and of grpc-js is one of a connection", () => {
  const errors = [
    errorAt(["file:///app/src/transport/server.ts"], "ERR_HTTP2_INVALID_STREAM"),
    errorAt(["ext:deno_node/http2.ts", "ext:core/01_core.js"]),
    errorAt(["ext:deno_node/_events.mjs", "ext:deno_node/net.ts"]),
    errorAt(["ext:deno_node/internal/streams/destroy.js"]),
    errorAt([GRPC, "ext:deno_node/http2.ts"]),
  ];
  for (const error of errors) assert.ok(isOfConnection(error), String(error.stack));
});

Deno.test("an error of our own is none, whoever called us, and neither is one of ip's pipes", () => {
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
  for (const error of errors) assert.ok(!isOfConnection(error), String(error));
});

Deno.test("an error that follows from what was read costs the connection it was read from", async () => {
  const ended: string[] = [];
  const error = errorAt(["ext:deno_node/http2.ts"]);
  const read = (name: string): Promise<void> =>
    onConnection(() => ended.push(name), async () => {
      await Promise.resolve();
      assert.equal(endConnectionFor(error), true);
      assert.equal(endConnectionFor(new Error("ours")), false);
    });
  await Promise.all([read("one"), read("other")]);
  assert.deepEqual(ended.toSorted(), ["one", "other"]);
  // Out of nowhere: nobody's.
  assert.equal(endConnectionFor(error), true);
  assert.equal(ended.length, 2);
});
