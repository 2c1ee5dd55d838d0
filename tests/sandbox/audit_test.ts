import assert from "node:assert/strict";
import { grpcurlOutput, watchHealth } from "../e2e/grpc_tools.ts";
import { connectClient } from "../support/client.ts";
import { addVxlan, makeNamespace } from "../support/namespace.ts";
import { repository, serveTask } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { checksIn } from "./permission_trail.ts";

/** The two grants. Variables are asked for by grpc-js and blank (`--ignore-env`). */
const granted = /^(net 127\.0\.0\.1:50051|run ip|run \/\S*\/ip|env [A-Za-z0-9_*]+)$/;

Deno.test("a whole life of the sidecar uses nothing but its two grants", async () => {
  const trail = await Deno.makeTempFile();
  await using namespace = await makeNamespace();
  await addVxlan(namespace);
  await using sidecar = await startSidecar(namespace, {
    env: { DENO_AUDIT_PERMISSIONS: trail },
  });
  {
    await using client = await connectClient(namespace);
    const done = { success: true, error: "" };
    assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
    assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    assert.deepEqual(await client.removeRoute("10.42.2.0/24"), done);
    await grpcurlOutput(namespace, ["describe", "quilt.QuiltRuntime"]);
    await using watch = await watchHealth(namespace);
    assert.deepEqual(watch.statuses(), ["SERVING"]);
  }
  assert.equal((await sidecar.stop()).code, 0, sidecar.log.join("\n"));
  const checks = await checksIn(trail);
  await Deno.remove(trail);
  assert.ok(checks.has("net 127.0.0.1:50051"), "Deno wrote no trail");
  assert.deepEqual([...checks].filter((check) => !granted.test(check)), []);
});

Deno.test("a permission that was asked for beyond the grants is in that trail", async () => {
  const trail = await Deno.makeTempFile();
  await using namespace = await makeNamespace();
  const hostile = `${repository}/tests/sandbox/hostile.ts`;
  await namespace.run(
    [Deno.execPath(), "run", ...serveTask().flags, hostile, "read /etc/passwd"],
    { env: { DENO_AUDIT_PERMISSIONS: trail } },
  );
  const checks = await checksIn(trail);
  await Deno.remove(trail);
  assert.ok(checks.has("read /etc/passwd"), [...checks].join("; "));
  assert.doesNotMatch("read /etc/passwd", granted);
});
