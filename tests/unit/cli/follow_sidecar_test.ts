/** Watches of servers that this process makes, on the task's port. */
import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { followSidecar, type SidecarUpdate } from "../../../src/cli/follow_sidecar.ts";
import type { Target } from "../../../src/cli/target.ts";
import {
  DEFAULT_LISTEN_ADDRESS,
  formatListenAddress,
} from "../../../src/transport/listen_address.ts";
import { startServer } from "../../../src/transport/server.ts";
import { until } from "../../support/wait.ts";
import { finding, MemoryDataPath } from "../api/memory_data_path.ts";
import { serveNode } from "./serve_node.ts";

const TARGET: Target = {
  address: DEFAULT_LISTEN_ADDRESS,
  authority: formatListenAddress(DEFAULT_LISTEN_ADDRESS),
  tls: undefined,
  options: [],
};

/** Follows until it is disposed of. */
function follow(deadlineMs = 10_000) {
  const over = Promise.withResolvers<void>();
  const updates: SidecarUpdate[] = [];
  const ended = followSidecar(TARGET, {
    onUpdate: (each) => updates.push(each),
    over: over.promise,
    deadlineMs,
  });
  return {
    updates,
    /** Waits until so many of a kind have come. */
    receive: (kind: SidecarUpdate["kind"], times = 1) =>
      until(() => updates.filter((each) => each.kind === kind).length >= times, {
        what: () => `${kind}, after ${updates.map((each) => each.kind).join(", ")}`,
      }),
    [Symbol.asyncDispose]: async () => {
      over.resolve();
      await ended;
    },
  };
}

Deno.test("followSidecar tells the network, the routes and the findings, and what changes", async () => {
  const dataPath = new MemoryDataPath();
  dataPath.publish([]);
  await using _server = await serveNode(dataPath);
  await using followed = follow();
  await followed.receive("network");
  await followed.receive("routes");
  await followed.receive("findings");
  const routes = followed.updates.find((each) => each.kind === "routes");
  assert.ok(routes?.kind === "routes");
  assert.equal(routes.message.complete, true);
  assert.deepEqual(
    routes.message.routes.map(({ destination }) => destination),
    ["10.42.2.0/24"],
  );
  dataPath.publish([finding("rp-filter", "warning")]);
  await followed.receive("findings", 2);
  const last = followed.updates.findLast((each) => each.kind === "findings");
  assert.ok(last?.kind === "findings");
  assert.deepEqual(last.message.findings.map(({ id }) => id), ["rp-filter"]);
});

Deno.test("followSidecar tells that a sidecar is lost, and follows the next one", async () => {
  const first = await serveNode(new MemoryDataPath());
  await using followed = follow();
  await followed.receive("network");
  await first[Symbol.asyncDispose]();
  await followed.receive("lost");
  await using _next = await serveNode(new MemoryDataPath());
  await followed.receive("network", 2);
  const lost = followed.updates.find((each) => each.kind === "lost");
  assert.ok(lost?.kind === "lost");
  assert.equal(lost.fault.code, status.UNAVAILABLE);
});

Deno.test("followSidecar follows a sidecar that is too old to tell findings", async () => {
  await using _server = await serveNode(undefined);
  await using followed = follow();
  await followed.receive("network");
  await followed.receive("routes");
  // A call later the server has refused the watch that it does not know.
  await using later = follow();
  await later.receive("routes");
  const kinds = new Set(followed.updates.map(({ kind }) => kind));
  assert.deepEqual([...kinds].toSorted(), ["network", "routes"]);
});

Deno.test("followSidecar tells of a server that is no sidecar, and of none at all", async () => {
  const started = await startServer(DEFAULT_LISTEN_ADDRESS, []);
  assert.ok(started.ok);
  await using followed = follow();
  await followed.receive("lost");
  await started.value.close(0);
  const codes = () =>
    new Set(
      followed.updates.map((each) =>
        each.kind === "lost" ? each.fault.code : undefined
      ),
    );
  assert.deepEqual([...codes()], [status.UNIMPLEMENTED]);
  await until(() => codes().has(status.UNAVAILABLE), { what: "nobody there" });
});

Deno.test("followSidecar counts a server that only accepts connections as lost", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 50051 });
  const accepted: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) accepted.push(connection);
  })();
  const followed = follow(200);
  await followed.receive("lost", 2);
  await followed[Symbol.asyncDispose]();
  listener.close();
  await accepting;
  for (const connection of accepted) connection.close();
  assert.deepEqual(followed.updates[0], {
    kind: "lost",
    fault: { code: status.DEADLINE_EXCEEDED, details: "", isAnswer: false },
  });
});
