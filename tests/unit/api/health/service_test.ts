import assert from "node:assert/strict";
import { connect } from "node:http2";
import { status } from "@grpc/grpc-js";
import { formatListenAddress } from "../../../../src/transport/listen_address.ts";
import { HEALTH } from "../../../../src/api/proto_registry.ts";
import { until } from "../../../support/wait.ts";
import { finding } from "../memory_data_path.ts";
import {
  type Answers,
  type OpenSurface,
  openSurface,
} from "../../transport/surface.ts";

const SERVING = { status: "SERVING" };
const NOT_SERVING = { status: "NOT_SERVING" };

function check(surface: OpenSurface, service: string): Promise<unknown> {
  return surface.ask(HEALTH, "Check", { service });
}

function watch(surface: OpenSurface, service: string): Answers {
  return surface.watch(HEALTH, "Watch", { service });
}

for (const service of ["", "quilt.QuiltRuntime"]) {
  Deno.test(`Check of ${JSON.stringify(service)} is NOT_SERVING until state is restored`, async () => {
    await using surface = await openSurface();
    assert.deepEqual(await check(surface, service), NOT_SERVING);
    surface.health.clearNotServing("starting");
    assert.deepEqual(await check(surface, service), SERVING);
  });

  Deno.test(`Watch of ${JSON.stringify(service)} sends the status at once and then each change`, async () => {
    await using surface = await openSurface();
    const watched = watch(surface, service);
    assert.deepEqual(await watched.count(1), [NOT_SERVING]);
    surface.health.clearNotServing("starting");
    assert.deepEqual(await watched.count(2), [NOT_SERVING, SERVING]);
    surface.health.setNotServing("kernel");
    assert.deepEqual(await watched.count(3), [NOT_SERVING, SERVING, NOT_SERVING]);
    watched.cancel();
  });
}

Deno.test("List answers the status of the server and of each service that Check knows", async () => {
  await using surface = await openSurface();
  const list = (status: object) => ({
    statuses: {
      "": status,
      "quilt.QuiltRuntime": status,
      "quilt.sidecar.v1.DataPathService": status,
      "quilt.DataPath": NOT_SERVING,
    },
  });
  assert.deepEqual(await surface.ask(HEALTH, "List", {}), list(NOT_SERVING));
  surface.health.clearNotServing("starting");
  assert.deepEqual(await surface.ask(HEALTH, "List", {}), list(SERVING));
});

Deno.test("quilt.DataPath is SERVING while no finding is critical, and NOT_SERVING before the first diagnosis", async () => {
  await using surface = await openSurface();
  const { dataPath } = surface;
  const watched = watch(surface, "quilt.DataPath");
  assert.deepEqual(await watched.count(1), [NOT_SERVING]);
  assert.deepEqual(await check(surface, "quilt.DataPath"), NOT_SERVING);
  dataPath.publish([finding("missing-routes", "warning", { device: "vxlan100" })]);
  assert.deepEqual(await check(surface, "quilt.DataPath"), SERVING);
  assert.deepEqual(await watched.count(2), [NOT_SERVING, SERVING]);
  dataPath.publish([finding("device-down", "critical", { device: "vxlan100" })]);
  assert.deepEqual(await check(surface, "quilt.DataPath"), NOT_SERVING);
  assert.deepEqual(await watched.count(3), [NOT_SERVING, SERVING, NOT_SERVING]);
  assert.deepEqual(await surface.ask(HEALTH, "List", {}), {
    statuses: {
      "": NOT_SERVING,
      "quilt.QuiltRuntime": NOT_SERVING,
      "quilt.sidecar.v1.DataPathService": NOT_SERVING,
      "quilt.DataPath": NOT_SERVING,
    },
  });
  watched.cancel();
});

Deno.test("quilt.DataPath and the other names do not change each other", async () => {
  await using surface = await openSurface();
  const { dataPath, health } = surface;
  dataPath.publish([]);
  assert.deepEqual(await check(surface, "quilt.DataPath"), SERVING);
  assert.deepEqual(await check(surface, ""), NOT_SERVING);
  health.clearNotServing("starting");
  dataPath.publish([finding("forwarding-off", "critical")]);
  assert.deepEqual(await check(surface, "quilt.DataPath"), NOT_SERVING);
  for (const service of ["", "quilt.sidecar.v1.DataPathService"]) {
    assert.deepEqual(await check(surface, service), SERVING);
  }
});

Deno.test("Health is SERVING only when no reason against it is left", async () => {
  await using surface = await openSurface();
  const { health } = surface;
  const answers = [
    health.clearNotServing("starting"),
    health.setNotServing("kernel"),
    health.setNotServing("stopping"),
    health.clearNotServing("kernel"),
    health.clearNotServing("stopping"),
    health.clearNotServing("stopping"),
  ];
  // Whether the status changed by it.
  assert.deepEqual(answers, [true, true, false, false, true, false]);
  assert.deepEqual(await check(surface, ""), SERVING);
});

Deno.test("Check of an unknown service is NOT_FOUND, and Watch sends SERVICE_UNKNOWN", async () => {
  await using surface = await openSurface();
  assert.deepEqual(await check(surface, "quilt.Nothing\n"), {
    code: status.NOT_FOUND,
    details: String.raw`No service "quilt.Nothing\n" on this server`,
  });
  const watched = watch(surface, "quilt.Nothing");
  assert.deepEqual(await watched.count(1), [{ status: "SERVICE_UNKNOWN" }]);
  surface.health.clearNotServing("starting");
  // The stream stays open, and the status of this service has not changed.
  assert.deepEqual(await check(surface, ""), SERVING);
  assert.equal(watched.messages.length, 1);
  watched.cancel();
});

Deno.test("Watch does not send a status that did not change", async () => {
  await using surface = await openSurface();
  const watched = watch(surface, "");
  await watched.count(1);
  surface.health.setNotServing("kernel");
  surface.health.setNotServing("kernel");
  surface.health.clearNotServing("kernel");
  surface.health.clearNotServing("starting");
  assert.deepEqual(await watched.count(2), [NOT_SERVING, SERVING]);
  watched.cancel();
});

Deno.test("Watch sends only the latest of many changes at once", async () => {
  await using surface = await openSurface();
  surface.health.clearNotServing("starting");
  const watched = watch(surface, "");
  await watched.count(1);
  // In one turn of the loop. The last state is that of the first change, which is sent
  // at once if the message before has left by then.
  for (let change = 0; change < 1000; change += 1) {
    surface.health.setNotServing("kernel");
    surface.health.clearNotServing("kernel");
  }
  surface.health.setNotServing("kernel");
  await watched.count(2);
  assert.deepEqual(await check(surface, ""), NOT_SERVING);
  assert.deepEqual(watched.messages, [SERVING, NOT_SERVING]);
  watched.cancel();
});

Deno.test("Watch sends NOT_SERVING and ends with UNAVAILABLE when the sidecar stops, and delays nothing", async () => {
  await using surface = await openSurface();
  surface.health.clearNotServing("starting");
  const watched = [watch(surface, ""), watch(surface, "quilt.QuiltRuntime")];
  for (const each of watched) await each.count(1);
  surface.health.setNotServing("stopping");
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

Deno.test("Watch sends the last status too if the sidecar stops while one is being written", async () => {
  await using surface = await openSurface();
  const { body, close, end } = watchFrames(surface);
  // A message is its head, a byte of tag and the status: 1 SERVING, 2 NOT_SERVING.
  const frame = (number: number) => [0, 0, 0, 0, 2, 8, number];
  await until(() => body.length === 7, { what: "the first status" });
  surface.health.clearNotServing("starting");
  surface.health.setNotServing("stopping");
  surface.streams.endAll();
  assert.equal(await end, String(status.UNAVAILABLE));
  assert.deepEqual(body, [...frame(2), ...frame(1), ...frame(2)]);
  close();
});
