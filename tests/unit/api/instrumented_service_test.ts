import assert from "node:assert/strict";
import { instrumentService } from "../../../src/api/instrumented_service.ts";
import type { EndedCall } from "../../../src/observability/instruments.ts";
import { createReflection } from "../../../src/api/reflection/service.ts";
import { StreamLimiter } from "../../../src/api/stream_limiter.ts";
import { fakeNode, openExchange } from "../transport/exchange.ts";
import { cidr } from "./outcomes.ts";

const destination = cidr("10.42.2.0/24");

Deno.test("instrumentService counts each unary call once, with its status and outcome", async () => {
  const node = fakeNode({
    removeRoute: (text) => {
      switch (text) {
        case "absent":
          return Promise.resolve({ kind: "absent", destination });
        case "refused":
          return Promise.resolve({ kind: "refused", sentence: "No such device" });
        case "queue-full":
          return Promise.resolve({ kind: "queue-full" });
        default:
          throw new Error("unexpected");
      }
    },
  });
  const ended: EndedCall[] = [];
  await using exchange = await openExchange(
    node,
    (service) =>
      instrumentService(service, { callEnded: (call) => void ended.push(call) }),
  );
  const texts = ["absent", "refused", "queue-full", "broken"];
  for (const text of texts) await exchange.call("RemoveRoute", { destination: text });
  assert.deepEqual(
    ended.map(({ method, outcome, status }) => [method, status, outcome]),
    [
      ["quilt.QuiltRuntime/RemoveRoute", "OK", "success"],
      ["quilt.QuiltRuntime/RemoveRoute", "OK", "refused"],
      ["quilt.QuiltRuntime/RemoveRoute", "RESOURCE_EXHAUSTED", "error"],
      ["quilt.QuiltRuntime/RemoveRoute", "INTERNAL", "error"],
    ],
  );
  assert.ok(ended.every(({ seconds }) => seconds >= 0 && seconds < 10));
});

Deno.test("instrumentService leaves streams and the rest of a service as they are", () => {
  const logCounts = () => {};
  for (const reflection of createReflection([], new StreamLimiter())) {
    const service = { ...reflection, logCounts };
    assert.deepEqual(instrumentService(service, { callEnded: () => {} }), service);
  }
});
