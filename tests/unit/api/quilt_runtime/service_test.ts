import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { toReply } from "../../../../src/api/quilt_runtime/service.ts";
import { cidr, device } from "../outcomes.ts";

const destination = cidr("10.42.2.0/24");
const vxlan100 = device("vxlan100");

Deno.test("QuiltRuntime answers success with an empty error for each outcome that succeeded", () => {
  for (
    const outcome of [
      { kind: "configured", subnet: destination, changed: true },
      { kind: "configured", subnet: destination, changed: false },
      { kind: "added", destination, device: vxlan100, ifindex: 5, warnings: ["w"] },
      { kind: "unchanged", destination, device: vxlan100 },
      { kind: "removed", destination },
      { kind: "absent", destination },
    ] as const
  ) {
    assert.deepEqual(toReply(outcome), {
      kind: "message",
      message: { success: true, error: "" },
    });
  }
});

Deno.test("QuiltRuntime answers a refusal as a message with the sentence, not as a gRPC error", () => {
  assert.deepEqual(
    toReply({ kind: "refused", sentence: "Subnet must be /24, got /16" }),
    {
      kind: "message",
      message: { success: false, error: "Subnet must be /24, got /16" },
    },
  );
});

Deno.test("QuiltRuntime answers a call that was not executed with a gRPC status and one sentence", () => {
  const codes = {
    "shutting-down": status.UNAVAILABLE,
    "queue-full": status.RESOURCE_EXHAUSTED,
    "caller-gone": status.CANCELLED,
  };
  for (const kind of ["shutting-down", "queue-full", "caller-gone"] as const) {
    const reply = toReply({ kind });
    assert.ok(reply.kind === "status");
    assert.equal(reply.code, codes[kind]);
    assert.match(reply.details, /^[A-Z][ -~]+$/);
  }
});
