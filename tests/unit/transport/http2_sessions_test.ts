import { Server } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { http2ServerOf } from "../../../src/transport/http2_sessions.ts";

Deno.test("http2ServerOf throws if grpc-js keeps its HTTP/2 server elsewhere", () => {
  const server = new Server();
  assert.throws(() => http2ServerOf(server), TypeError);
});
