import assert from "node:assert/strict";
import {
  describeListenError,
  type ListenError,
} from "../../../src/transport/listen_error.ts";

Deno.test("describeListenError names the permission for an address that the sandbox does not grant", () => {
  const error: ListenError = {
    kind: "not-granted",
    address: { kind: "tcp", host: "0.0.0.0", port: 50051 },
  };
  assert.equal(
    describeListenError(error, true),
    "Cannot listen on 0.0.0.0:50051: the sandbox grants only 127.0.0.1:50051; " +
      "start with --allow-net=0.0.0.0:50051 (see docs/tls-and-sockets.md) or leave --grpc-addr out",
  );
  assert.match(
    describeListenError(error, false),
    /the sandbox does not grant it; start/,
  );
});
