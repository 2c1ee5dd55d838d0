import assert from "node:assert/strict";
import {
  Client,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import type { Call, RemoveOutcome } from "../../../src/reconcile/ports.ts";
import { describeListenError } from "../../../src/transport/listen_error.ts";
import { warmUp } from "../../../src/warm_up.ts";
import { formatListenAddress } from "../../../src/transport/listen_address.ts";
import { startServer } from "../../../src/transport/server.ts";
import { QUILT_RUNTIME } from "../../../src/api/proto_registry.ts";
import { until } from "../../support/wait.ts";
import { type Exchange, fakeNode, openExchange } from "./exchange.ts";
import { cidr } from "../api/outcomes.ts";

const destination = cidr("10.42.2.0/24");
const removed = { kind: "removed", destination } as const;
const success = { message: { success: true, error: "" } };
const request = { destination: "10.42.2.0/24" };

/** A node that answers RemoveRoute when the test says so. */
function slowNode() {
  const asked = Promise.withResolvers<Call>();
  const answer = Promise.withResolvers<RemoveOutcome>();
  const node = fakeNode({
    removeRoute(_, call) {
      asked.resolve(call);
      return answer.promise;
    },
  });
  return { node, asked: asked.promise, answer: answer.resolve };
}

Deno.test("RpcServer logs a call, and hands it to the node with the RPC's name and the client's address", async () => {
  const { node, asked, answer } = slowNode();
  await using exchange = await openExchange(node);
  const ending = exchange.call("RemoveRoute", request);
  const call = await asked;
  assert.equal(call.rpc, "RemoveRoute");
  assert.match(call.peer, /^127\.0\.0\.1:\d+$/);
  assert.equal(call.gone(), false);
  const begun = "INFO: RPC: RemoveRoute(destination=10.42.2.0/24)";
  assert.deepEqual(exchange.log, [begun]);
  answer(removed);
  assert.deepEqual(await ending, success);
  assert.deepEqual(exchange.log, [
    begun,
    "INFO: Removed route: 10.42.2.0/24",
    "INFO: Successfully removed route: 10.42.2.0/24",
  ]);
});

Deno.test("RpcServer reports a client as gone when its deadline has passed", async () => {
  const { node, asked, answer } = slowNode();
  await using exchange = await openExchange(node);
  const ending = exchange.call("RemoveRoute", request, { deadlineMs: 2_000 });
  // The node may never be asked: then it has ended without.
  const call = await Promise.race([asked, ending]);
  const ended = await ending;
  assert.ok("code" in ended && ended.code === status.DEADLINE_EXCEEDED);
  assert.ok("gone" in call, "the node was not asked");
  // The server's own clock may be behind the caller's by a moment.
  await until(() => call.gone(), { what: "the caller to be gone" });
  answer({ kind: "caller-gone" });
});

Deno.test("RpcServer answers INTERNAL to an exception in the node, logs it, and goes on", async () => {
  let calls = 0;
  const node = fakeNode({
    removeRoute() {
      calls += 1;
      if (calls === 1) throw new Error("thrown\nat once");
      if (calls === 2) return Promise.reject(new Error("rejected"));
      return Promise.resolve(removed);
    },
  });
  await using exchange = await openExchange(node);
  const failure = {
    code: status.INTERNAL,
    details: "RemoveRoute failed unexpectedly; the sidecar's log says why",
  };
  assert.deepEqual(await exchange.call("RemoveRoute", request), failure);
  assert.deepEqual(await exchange.call("RemoveRoute", request), failure);
  assert.deepEqual(await exchange.call("RemoveRoute", request), success);
  assert.deepEqual(exchange.log.slice(0, 3), [
    "INFO: RPC: RemoveRoute(destination=10.42.2.0/24)",
    String.raw`ERROR: RemoveRoute failed unexpectedly: Error: thrown\u000aat once`,
    "ERROR: RemoveRoute failed unexpectedly: Error: rejected",
  ]);
});

Deno.test("RpcServer answers RESOURCE_EXHAUSTED to a message over 16 KiB, which never reaches the node", async () => {
  let calls = 0;
  const node = fakeNode({
    removeRoute() {
      calls += 1;
      return Promise.resolve(removed);
    },
  });
  await using exchange = await openExchange(node);
  const ended = await exchange.call("RemoveRoute", { destination: "x".repeat(16_384) });
  assert.ok("code" in ended && ended.code === status.RESOURCE_EXHAUSTED);
  assert.equal(calls, 0);
  assert.deepEqual(await exchange.call("RemoveRoute", request), success);
});

Deno.test("RpcServer.close answers calls that were sent before the GOAWAY was received, and later ones fail with UNAVAILABLE", async () => {
  const { node, asked, answer } = slowNode();
  const { removeRoute: first } = node.routes;
  let calls = 0;
  const quickLater = fakeNode({
    removeRoute: (text, call) =>
      ++calls === 1 ? first(text, call) : Promise.resolve(removed),
  });
  await using exchange = await openExchange(quickLater);
  const inFlight = exchange.call("RemoveRoute", request);
  await asked;
  const closed = exchange.server.close();
  await until(async () => {
    const late = await exchange.call("RemoveRoute", request);
    if (!("code" in late)) {
      assert.deepEqual(late, success);
      return false;
    }
    assert.equal(late.code, status.UNAVAILABLE);
    return true;
  }, { what: "the server to take no more calls" });
  answer(removed);
  assert.deepEqual(await inFlight, success);
  await closed;
});

Deno.test("RpcServer.close waits for a call in flight no longer than its timeout", async () => {
  const { node, asked, answer } = slowNode();
  await using exchange = await openExchange(node);
  const inFlight = exchange.call("RemoveRoute", request);
  await asked;
  const began = performance.now();
  await exchange.server.close(100);
  const took = performance.now() - began;
  assert.ok(took >= 90 && took < 2000, `closing took ${took} ms`);
  answer(removed);
  assert.deepEqual(await inFlight, success);
});

Deno.test("RpcServer.connections counts those that are open", async () => {
  const started = await startServer({ kind: "tcp", host: "127.0.0.1", port: 0 }, []);
  assert.ok(started.ok && started.value.address.kind === "tcp");
  const server = started.value;
  assert.equal(server.connections, 0);
  const connection = await Deno.connect({ port: started.value.address.port });
  await until(() => server.connections === 1, { what: "the connection" });
  connection.close();
  await until(() => server.connections === 0, { what: "its end" });
  await server.close(0);
});

Deno.test("startServer returns an error that names a port in use, and says how to see by whom", async () => {
  await using exchange = await openExchange(fakeNode({}));
  const second = await startServer(exchange.server.address, []);
  assert.ok(!second.ok);
  assert.equal(second.fault.kind, "in-use");
  const { address } = exchange.server;
  assert.ok(address.kind === "tcp");
  assert.equal(
    describeListenError(second.fault, true),
    `Cannot listen on 127.0.0.1:${address.port}: the port is in use; ` +
      `find the process with: ss -ltnp 'sport = :${address.port}'`,
  );
});

Deno.test("startServer returns an error for an address of another machine", async () => {
  const started = await startServer(
    { kind: "tcp", host: "192.0.2.77", port: 50051 },
    [],
  );
  assert.ok(!started.ok);
  assert.equal(started.fault.kind, "not-bound");
  assert.match(
    describeListenError(started.fault, true),
    /^Cannot listen on 192\.0\.2\.77:50051: .*; use an address of this machine/,
  );
});

Deno.test("warmUp calls neither the node nor the log, and leaves no service", async () => {
  let calls = 0;
  const node = fakeNode({
    removeRoute() {
      calls += 1;
      return Promise.resolve(removed);
    },
  });
  await using exchange = await openExchange(node);
  await warmUp(exchange.server, "text");
  assert.equal(calls, 0);
  assert.deepEqual(exchange.log, []);
  const path = "/quilt.sidecar.WarmUp/RemoveRoute";
  const ended = await exchange.call("RemoveRoute", request, { path });
  assert.ok("code" in ended && ended.code === status.UNIMPLEMENTED);
});

/** RemoveRoute with these values of metadata. */
async function callWithMetadata(
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

Deno.test("RpcServer answers RESOURCE_EXHAUSTED to a call with more than 16 KiB of headers, or with more than 128, which never reaches the node", async () => {
  let calls = 0;
  const node = fakeNode({
    removeRoute() {
      calls += 1;
      return Promise.resolve({ kind: "removed", destination: cidr("10.42.2.0/24") });
    },
  });
  await using exchange = await openExchange(node);
  assert.equal(await callWithMetadata(exchange, ["x".repeat(15_000)]), null);
  assert.equal(calls, 1);
  const long = await callWithMetadata(exchange, ["x".repeat(8_000), "y".repeat(8_500)]);
  assert.equal(long?.code, status.RESOURCE_EXHAUSTED);
  const many = await callWithMetadata(exchange, Array.from({ length: 130 }, () => "x"));
  assert.equal(many?.code, status.RESOURCE_EXHAUSTED);
  assert.equal(calls, 1);
});
