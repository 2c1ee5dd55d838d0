import assert from "node:assert/strict";
import { connect } from "node:http2";
import { status } from "@grpc/grpc-js";
import { formatListenAddress } from "../../../src/transport/listen_address.ts";
import { HEALTH } from "../../../src/api/health/wire.ts";
import { until } from "../../support/wait.ts";
import { type Answers, type OpenSurface, openSurface } from "../transport/surface.ts";

const SERVING = { status: "SERVING" };
const NOT_SERVING = { status: "NOT_SERVING" };

function check(surface: OpenSurface, service: string): Promise<unknown> {
  return surface.ask(HEALTH, "Check", { service });
}

function watch(surface: OpenSurface, service: string): Answers {
  return surface.watch(HEALTH, "Watch", { service });
}

for (const service of ["", "quilt.QuiltRuntime"]) {
  Deno.test(`the health of ${JSON.stringify(service)} is NOT_SERVING until state is adopted`, async () => {
    await using surface = await openSurface();
    assert.deepEqual(await check(surface, service), NOT_SERVING);
    surface.health.clear("starting");
    assert.deepEqual(await check(surface, service), SERVING);
  });

  Deno.test(`Watch of ${JSON.stringify(service)} tells the status at once and then each change`, async () => {
    await using surface = await openSurface();
    const watched = watch(surface, service);
    assert.deepEqual(await watched.count(1), [NOT_SERVING]);
    surface.health.clear("starting");
    assert.deepEqual(await watched.count(2), [NOT_SERVING, SERVING]);
    surface.health.hinder("kernel");
    assert.deepEqual(await watched.count(3), [NOT_SERVING, SERVING, NOT_SERVING]);
    watched.cancel();
  });
}

Deno.test("List tells the status of the whole and of each service that Check knows", async () => {
  await using surface = await openSurface();
  const list = (status: object) => ({
    statuses: { "": status, "quilt.QuiltRuntime": status },
  });
  assert.deepEqual(await surface.ask(HEALTH, "List", {}), list(NOT_SERVING));
  surface.health.clear("starting");
  assert.deepEqual(await surface.ask(HEALTH, "List", {}), list(SERVING));
});

Deno.test("the health is SERVING only when nothing hinders any more", async () => {
  await using surface = await openSurface();
  const { health } = surface;
  const answers = [
    health.clear("starting"),
    health.hinder("kernel"),
    health.hinder("stopping"),
    health.clear("kernel"),
    health.clear("stopping"),
    health.clear("stopping"),
  ];
  // Whether the status changed by it.
  assert.deepEqual(answers, [true, true, false, false, true, false]);
  assert.deepEqual(await check(surface, ""), SERVING);
});

Deno.test("a service that the server does not know: Check is NOT_FOUND, Watch SERVICE_UNKNOWN", async () => {
  await using surface = await openSurface();
  assert.deepEqual(await check(surface, "quilt.Nothing\n"), {
    code: status.NOT_FOUND,
    details: String.raw`No service "quilt.Nothing\n" on this server`,
  });
  const watched = watch(surface, "quilt.Nothing");
  assert.deepEqual(await watched.count(1), [{ status: "SERVICE_UNKNOWN" }]);
  surface.health.clear("starting");
  // The stream stays open, and this service has no change to tell.
  assert.deepEqual(await check(surface, ""), SERVING);
  assert.equal(watched.messages.length, 1);
  watched.cancel();
});

Deno.test("a status that did not change is not told again", async () => {
  await using surface = await openSurface();
  const watched = watch(surface, "");
  await watched.count(1);
  surface.health.hinder("kernel");
  surface.health.hinder("kernel");
  surface.health.clear("kernel");
  surface.health.clear("starting");
  assert.deepEqual(await watched.count(2), [NOT_SERVING, SERVING]);
  watched.cancel();
});

Deno.test("what changes faster than it can be written is told by its newest status", async () => {
  await using surface = await openSurface();
  surface.health.clear("starting");
  const watched = watch(surface, "");
  await watched.count(1);
  // In one turn of the loop: the first change is being written all the while.
  for (let change = 0; change < 1000; change += 1) {
    surface.health.hinder("kernel");
    surface.health.clear("kernel");
  }
  await watched.count(3);
  assert.deepEqual(await check(surface, ""), SERVING);
  assert.deepEqual(watched.messages, [SERVING, NOT_SERVING, SERVING]);
  watched.cancel();
});

Deno.test("when the sidecar stops, a watcher sees NOT_SERVING and then UNAVAILABLE, and holds nothing up", async () => {
  await using surface = await openSurface();
  surface.health.clear("starting");
  const watched = [watch(surface, ""), watch(surface, "quilt.QuiltRuntime")];
  for (const each of watched) await each.count(1);
  surface.health.hinder("stopping");
  surface.streams.endAll();
  const began = performance.now();
  await surface.server.close(5_000);
  assert.ok(performance.now() - began < 2_000, "the watchers held the drain up");
  for (const each of watched) {
    assert.deepEqual(await each.end, {
      code: status.UNAVAILABLE,
      details: "The sidecar is shutting down; call again when it is back",
    });
    assert.deepEqual(await each.count(2), [SERVING, NOT_SERVING]);
  }
});

/** Watches "" over plain HTTP/2: a grpc-js client drops what comes with the end. */
function watchFrames({ server }: OpenSurface) {
  const session = connect(`http://${formatListenAddress(server.address)}`);
  const stream = session.request({
    ":method": "POST",
    ":path": "/grpc.health.v1.Health/Watch",
    "content-type": "application/grpc",
    "te": "trailers",
  });
  const body: number[] = [];
  const end = Promise.withResolvers<unknown>();
  stream.on("data", (part: Uint8Array) => body.push(...part));
  stream.on("trailers", (headers) => end.resolve(headers["grpc-status"]));
  stream.end(new Uint8Array(5));
  return { body, end: end.promise, close: () => session.destroy() };
}

Deno.test("when the sidecar stops while a status is being written, the last one is told as well", async () => {
  await using surface = await openSurface();
  const { body, close, end } = watchFrames(surface);
  // A message is its head, a byte of tag and the status: 1 SERVING, 2 NOT_SERVING.
  const frame = (number: number) => [0, 0, 0, 0, 2, 8, number];
  await until(() => body.length === 7, { what: "the first status" });
  surface.health.clear("starting");
  surface.health.hinder("stopping");
  surface.streams.endAll();
  assert.equal(await end, String(status.UNAVAILABLE));
  assert.deepEqual(body, [...frame(2), ...frame(1), ...frame(2)]);
  close();
});
