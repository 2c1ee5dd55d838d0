import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { connect } from "node:http2";
import { fakeNode, openExchange } from "../transport/exchange.ts";

Deno.test("A unary call whose deadline has passed is DEADLINE_EXCEEDED, not CANCELLED", async () => {
  // The timer that ends the call may come later than the node, which looks at the clock.
  const node = fakeNode({
    removeRoute(_, call) {
      while (!call.gone());
      return Promise.resolve({ kind: "caller-gone" });
    },
  });
  await using exchange = await openExchange(node);
  const { address } = exchange.server;
  assert.ok(address.kind === "tcp");
  const session = connect(`http://127.0.0.1:${address.port}`);
  const stream = session.request({
    ":method": "POST",
    ":path": "/quilt.QuiltRuntime/RemoveRoute",
    "content-type": "application/grpc",
    "grpc-timeout": "200m",
  });
  const { promise, resolve } = Promise.withResolvers<unknown>();
  stream.on("response", (headers) => resolve(headers["grpc-status"]));
  stream.resume();
  stream.end(new Uint8Array(5));
  assert.equal(await promise, String(status.DEADLINE_EXCEEDED));
  const closed = Promise.withResolvers<void>();
  session.close(() => closed.resolve());
  await closed.promise;
});
