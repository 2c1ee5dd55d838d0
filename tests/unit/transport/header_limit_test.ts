import assert from "node:assert/strict";
import {
  Client,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { formatListenAddress } from "../../../src/transport/listen_address.ts";
import { QUILT_RUNTIME } from "../../../src/api/proto_registry.ts";
import { type Exchange, fakeNode, openExchange } from "./exchange.ts";
import { cidr } from "../api/outcomes.ts";

/** RemoveRoute with so many bytes of metadata, or with so many entries of it. */
async function call(
  { server }: Exchange,
  entries: readonly string[],
): Promise<ServiceError | null> {
  const address = formatListenAddress(server.address);
  const client = new Client(address, credentials.createInsecure());
  const method = QUILT_RUNTIME["RemoveRoute"];
  assert.ok(method);
  const metadata = new Metadata();
  entries.forEach((value, at) => metadata.set(`x-${at}`, value));
  const { promise, resolve } = Promise.withResolvers<ServiceError | null>();
  client.makeUnaryRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    { destination: "10.42.2.0/24" },
    metadata,
    resolve,
  );
  const error = await promise;
  client.close();
  return error;
}

Deno.test("a call with more than 16 KiB of headers, or with more than 128, is RESOURCE_EXHAUSTED and never reaches the node", async () => {
  let calls = 0;
  const node = fakeNode({
    removeRoute() {
      calls += 1;
      return Promise.resolve({ kind: "removed", destination: cidr("10.42.2.0/24") });
    },
  });
  await using exchange = await openExchange(node);
  assert.equal(await call(exchange, ["x".repeat(15_000)]), null);
  assert.equal(calls, 1);
  const long = await call(exchange, ["x".repeat(8_000), "y".repeat(8_500)]);
  assert.equal(long?.code, status.RESOURCE_EXHAUSTED);
  const many = await call(exchange, Array.from({ length: 130 }, () => "x"));
  assert.equal(many?.code, status.RESOURCE_EXHAUSTED);
  assert.equal(calls, 1);
});
