/**
 * The least that can answer InjectRoute: grpc-js, the same .proto loaded in the same
 * way, and a handler that does nothing. What the sidecar's start is held against.
 *
 * Words: those of src/main.ts; they mean nothing here.
 */
import { type sendUnaryData, Server, ServerCredentials } from "@grpc/grpc-js";
import type { InjectRouteResponse } from "../../src/api/gen/quilt/InjectRouteResponse.ts";
import { QUILT_RUNTIME } from "../../src/api/proto_registry.ts";

const answer = (_call: unknown, callback: sendUnaryData<InjectRouteResponse>): void =>
  callback(null, { success: true, error: "" });

const server = new Server();
server.addService(QUILT_RUNTIME, {
  ConfigureNodeSubnet: answer,
  InjectRoute: answer,
  RemoveRoute: answer,
});
server.bindAsync("127.0.0.1:50051", ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
