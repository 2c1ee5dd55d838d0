import assert from "node:assert/strict";
import { Socket } from "node:net";
import { ClientInput } from "../../../src/transport/client_input.ts";
import { FrameBudget } from "../../../src/transport/frame_budget.ts";

Deno.test("ClientInput throws if Deno reads HTTP/2 from a socket in another way", () => {
  const socket = new Socket();
  const budget = new FrameBudget(1, {
    mayBeginCall: () => true,
    onMessage: () => {},
    onWindowUpdate: () => {},
    onInitialWindowSize: () => {},
  });
  const listener = {
    admitCall: () => "unlimited" as const,
    deliver: () => {},
    onFault: () => {},
  };
  assert.throws(() => new ClientInput(socket, () => {}, budget, listener), TypeError);
  socket.destroy();
});
