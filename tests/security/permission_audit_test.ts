/**
 * @needs go
 */
import assert from "node:assert/strict";
import { grpcurlOutput, watchHealth } from "../e2e/grpc_tools.ts";
import { done } from "../e2e/host.ts";
import { batchesOf, childrenOf, monitorsOf, signalAll } from "../e2e/processes.ts";
import { connectClient } from "../support/client.ts";
import { addVxlan, makeNamespace, type Namespace } from "../support/namespace.ts";
import { startQuilt } from "../support/quilt.ts";
import { repository, serveTask } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { makeTrail } from "./permission_trail.ts";
import { fullTest } from "../support/suite.ts";

/** The two grants. Variables are asked for by grpc-js and blank (`--ignore-env`). */
const granted = /^(net 127\.0\.0\.1:50051|run ip|run \/\S*\/ip|env [A-Za-z0-9_*]+)$/;

/** Every call of quilt.sidecar.v1, and both of its watches. */
async function callOurs(namespace: Namespace): Promise<void> {
  await using quilt = startQuilt(namespace);
  quilt.watch();
  quilt.watchRoutes();
  assert.equal(await quilt.allocate("web-1"), "10.42.1.2");
  assert.deepEqual(await quilt.list(), ["10.42.1.2 web-1"]);
  assert.equal(await quilt.release({ owner: "web-1" }), "10.42.1.2");
  const routes = [{ destination: "10.42.3.0/24", device: "vxlan100" }];
  for (const name of ["network", "routes", "sync"]) {
    assert.notEqual(typeof await quilt.call(name, { routes }), "string", name);
  }
  await until(() => quilt.watched.length > 0 && quilt.routeEvents.length > 1, {
    what: "the events of the watches",
  });
}

fullTest("the serve task uses only its two grants from start to end", async () => {
  await using trail = await makeTrail();
  await using namespace = await makeNamespace();
  await addVxlan(namespace);
  await using sidecar = await startSidecar(namespace, { env: trail.env });
  {
    await using client = await connectClient(namespace);
    assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
    assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    assert.deepEqual(await client.removeRoute("10.42.2.0/24"), done);
    await grpcurlOutput(namespace, ["describe", "quilt.QuiltRuntime"]);
    await using watch = await watchHealth(namespace);
    assert.deepEqual(watch.statuses(), ["SERVING"]);
    await callOurs(namespace);
    // Both are started again: the one of the calls, and the one of the monitor.
    assert.ok(signalAll(childrenOf(sidecar.pid), "SIGKILL") >= 2);
    assert.deepEqual(await client.injectRoute("10.42.4.0/24", "vxlan100"), done);
    await until(
      () => batchesOf(sidecar).length > 0 && monitorsOf(sidecar).length > 0,
      { what: "both to be back" },
    );
  }
  assert.equal((await sidecar.stop()).code, 0, sidecar.log.join("\n"));
  const checks = await trail.checks();
  assert.ok(checks.has("net 127.0.0.1:50051"), "Deno wrote no trail");
  assert.deepEqual([...checks].filter((check) => !granted.test(check)), []);
});

Deno.test("Deno's permission audit shows a permission that was requested beyond the grants", async () => {
  await using trail = await makeTrail();
  await using namespace = await makeNamespace();
  const hostile = `${repository}/tests/security/hostile.ts`;
  await namespace.run(
    [Deno.execPath(), "run", ...serveTask().flags, hostile, "read /etc/passwd"],
    { env: trail.env },
  );
  const checks = await trail.checks();
  assert.ok(checks.has("read /etc/passwd"), [...checks].join("; "));
  assert.doesNotMatch("read /etc/passwd", granted);
});
