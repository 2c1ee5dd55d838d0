import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { status } from "@grpc/grpc-js";
import { HEALTH, REFLECTION } from "../../../src/api/proto_registry.ts";
import { StreamLimiter } from "../../../src/api/stream_limiter.ts";
import { until } from "../../support/wait.ts";
import { type Answers, openSurface } from "../transport/surface.ts";

const LIMIT = 256;
const LIMIT_OF_ONE = 8;

function newStream(peer = "192.0.2.1:1") {
  const stream = Object.assign(new EventEmitter(), { getPeer: () => peer });
  const errors: unknown[] = [];
  stream.on("error", (error) => errors.push(error));
  return { stream, errors };
}

/** Opens one more, as soon as it is let in. */
function oneMore(watch: () => Answers): Promise<unknown> {
  return until(async () => {
    const tried = watch();
    return await Promise.race([
      tried.count(1).then(() => true),
      tried.end.then(() => false),
    ]);
  }, { what: "room for one more" });
}

Deno.test("StreamLimiter refuses the 257th stream with RESOURCE_EXHAUSTED, and admits it once another one is over", async () => {
  await using surface = await openSurface();
  const watch = () => surface.watch(HEALTH, "Watch", { service: "" });
  const first = watch();
  await first.count(1);
  const filled = Array.from(
    { length: LIMIT - 1 },
    (_, at) => newStream(`192.0.2.1:${at}`),
  );
  for (const { stream } of filled) assert.ok(surface.streams.admit(stream));
  assert.deepEqual(await watch().end, {
    code: status.RESOURCE_EXHAUSTED,
    details: "256 streams are open already; end one of them",
  });
  first.cancel();
  await oneMore(watch);
});

Deno.test("StreamLimiter refuses the 9th stream of one connection, and admits one of another", async () => {
  await using surface = await openSurface();
  const watch = () => surface.watch(HEALTH, "Watch", { service: "" });
  const open = Array.from({ length: LIMIT_OF_ONE }, watch);
  for (const each of open) await each.count(1);
  assert.deepEqual(await watch().end, {
    code: status.RESOURCE_EXHAUSTED,
    details: "8 streams are open on this connection already; end one of them",
  });
  assert.ok(surface.streams.admit(newStream().stream));
  open[0]?.cancel();
  await oneMore(watch);
  for (const each of open) each.cancel();
});

Deno.test("StreamLimiter calls beforeEnd and ends each stream with UNAVAILABLE, and admits no more", () => {
  const streams = new StreamLimiter();
  const { stream, errors } = newStream();
  assert.ok(streams.admit(stream, () => errors.push("before the end")));
  const over = newStream();
  assert.ok(streams.admit(over.stream));
  over.stream.emit("cancelled");
  streams.endAll();
  const end = {
    code: status.UNAVAILABLE,
    details: "The sidecar is shutting down; call again when it is back",
  };
  assert.deepEqual(errors, ["before the end", end]);
  assert.deepEqual(over.errors, []);
  const late = newStream();
  assert.equal(streams.admit(late.stream), false);
  assert.deepEqual(late.errors, [end]);
});

Deno.test("StreamLimiter ends an open reflection stream, so that it does not delay a stop", async () => {
  await using surface = await openSurface();
  const [definition] = REFLECTION;
  assert.ok(definition);
  const conversation = surface.converse(definition, "ServerReflectionInfo");
  conversation.send({ list_services: "" });
  await conversation.count(1);
  surface.streams.endAll();
  const began = performance.now();
  await surface.server.close(5_000);
  assert.ok(performance.now() - began < 2_000, "the stream held the drain up");
  assert.equal((await conversation.end).code, status.UNAVAILABLE);
});

Deno.test("StreamLimiter.open counts the streams that are open, without those that it refused", () => {
  const streams = new StreamLimiter();
  assert.equal(streams.open, 0);
  const admitted = Array.from({ length: LIMIT_OF_ONE }, () => newStream());
  for (const { stream } of admitted) assert.ok(streams.admit(stream));
  assert.ok(!streams.admit(newStream().stream));
  assert.equal(streams.open, LIMIT_OF_ONE);
  admitted[0]?.stream.emit("cancelled");
  assert.equal(streams.open, LIMIT_OF_ONE - 1);
});
