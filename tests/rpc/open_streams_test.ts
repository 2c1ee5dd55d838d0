import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { status } from "@grpc/grpc-js";
import { HEALTH } from "../../src/rpc/health_wire.ts";
import { OpenStreams } from "../../src/rpc/open_streams.ts";
import { REFLECTION_VERSIONS } from "../../src/rpc/reflection_wire.ts";
import { until } from "../support/wait.ts";
import { openSurface } from "./surface.ts";

const LIMIT = 256;

function newStream() {
  const stream = new EventEmitter();
  const errors: unknown[] = [];
  stream.on("error", (error) => errors.push(error));
  return { stream, errors };
}

Deno.test("the 257th stream is RESOURCE_EXHAUSTED, and is taken once another one is over", async () => {
  await using surface = await openSurface();
  const watch = () => surface.watch(HEALTH, "Watch", { service: "" });
  // A connection carries at most 32 at once: the client opens more of them by itself.
  const open = Array.from({ length: 20 }, watch);
  for (const each of open) await each.count(1);
  const filled = Array.from({ length: LIMIT - 20 }, newStream);
  for (const { stream } of filled) assert.ok(surface.streams.admit(stream));
  assert.deepEqual(await watch().end, {
    code: status.RESOURCE_EXHAUSTED,
    details: "256 streams are open already; end one of them",
  });
  open[0]?.cancel();
  await until(async () => {
    const tried = watch();
    const taken = await Promise.race([
      tried.count(1).then(() => true),
      tried.end.then(() => false),
    ]);
    return taken;
  }, { what: "room for one more" });
  for (const each of open) each.cancel();
});

Deno.test("ending all streams says the last words of each and then UNAVAILABLE, and takes no more", () => {
  const streams = new OpenStreams();
  const { stream, errors } = newStream();
  assert.ok(streams.admit(stream, () => errors.push("last words")));
  const over = newStream();
  assert.ok(streams.admit(over.stream));
  over.stream.emit("cancelled");
  streams.endAll();
  const end = {
    code: status.UNAVAILABLE,
    details: "The sidecar is shutting down; call again when it is back",
  };
  assert.deepEqual(errors, ["last words", end]);
  assert.deepEqual(over.errors, []);
  const late = newStream();
  assert.equal(streams.admit(late.stream), false);
  assert.deepEqual(late.errors, [end]);
});

Deno.test("a reflection stream that stays open does not hold a drain up either", async () => {
  await using surface = await openSurface();
  const [version] = REFLECTION_VERSIONS;
  assert.ok(version);
  const { definition } = version;
  const conversation = surface.converse(definition, "ServerReflectionInfo");
  conversation.send({ list_services: "" });
  await conversation.count(1);
  surface.streams.endAll();
  const began = performance.now();
  await surface.server.close(5_000);
  assert.ok(performance.now() - began < 2_000, "the stream held the drain up");
  assert.equal((await conversation.end).code, status.UNAVAILABLE);
});
