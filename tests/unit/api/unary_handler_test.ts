import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { connect } from "node:http2";
import { replyTo } from "../../../src/api/unary_handler.ts";
import { fakeNode, openExchange } from "../transport/exchange.ts";
import { cidr, device } from "./outcomes.ts";

const destination = cidr("10.42.2.0/24");
const vxlan100 = device("vxlan100");

Deno.test("whatever was achieved is success with an empty error", () => {
  for (
    const outcome of [
      { kind: "configured", subnet: destination, changed: true },
      { kind: "configured", subnet: destination, changed: false },
      { kind: "added", destination, device: vxlan100, ifindex: 5, warnings: ["w"] },
      { kind: "unchanged", destination, device: vxlan100, warnings: ["w"] },
      { kind: "removed", destination },
      { kind: "absent", destination },
    ] as const
  ) {
    assert.deepEqual(replyTo(outcome), {
      kind: "message",
      message: { success: true, error: "" },
    });
  }
});

Deno.test("a refusal is an answer with the sentence, not a gRPC error", () => {
  assert.deepEqual(
    replyTo({ kind: "refused", sentence: "Subnet must be /24, got /16" }),
    {
      kind: "message",
      message: { success: false, error: "Subnet must be /24, got /16" },
    },
  );
});

Deno.test("what could not be carried out is a gRPC status with one sentence", () => {
  const codes = {
    "shutting-down": status.UNAVAILABLE,
    "queue-full": status.RESOURCE_EXHAUSTED,
    "caller-gone": status.CANCELLED,
  };
  for (const kind of ["shutting-down", "queue-full", "caller-gone"] as const) {
    const reply = replyTo({ kind });
    assert.ok(reply.kind === "status");
    assert.equal(reply.code, codes[kind]);
    assert.match(reply.details, /^[A-Z][ -~]+$/);
  }
});

Deno.test("a call whose deadline has passed is DEADLINE_EXCEEDED, not CANCELLED", async () => {
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
