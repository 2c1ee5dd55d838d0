import assert from "node:assert/strict";
import { connectClient } from "../support/client.ts";
import type { Namespace } from "../support/namespace.ts";
import { startSidecar } from "../support/sidecar.ts";
import { done, findingMessages, openHost } from "./host.ts";
import { fullTest } from "../support/suite.ts";

const LOST = /WARN: missing-routes /;

/** Adds peers to the FDB, as the agent does before it calls InjectRoute. */
async function addPeers(
  namespace: Namespace,
  addresses: readonly string[],
): Promise<void> {
  for (const address of addresses) {
    const { code, stderr } = await namespace.run([
      ...["bridge", "fdb", "append", "00:00:00:00:00:00"],
      ...["dev", "vxlan100", "dst", address],
    ]);
    assert.equal(code, 0, stderr);
  }
}

Deno.test("the log reports missing routes once after the start, when an InjectRoute was lost while no sidecar ran", async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  await addPeers(namespace, ["192.0.2.2", "192.0.2.3"]);
  await sidecar.stop();
  await using next = await startSidecar(namespace);
  await next.logged(LOST);
  await next.stop();
  assert.deepEqual(
    findingMessages(next).filter((line) => LOST.test(line)),
    [
      "WARN: missing-routes (vxlan100): vxlan100 forwards to 2 peers but only 1 " +
      "desired route leads through it (10.42.2.0/24): No packet reaches 1 node, because " +
      "its InjectRoute was lost, and the mesh agent does not repeat a call; do not stop " +
      "the agent, because it would remove the routes that work; find the node without a " +
      "route, and replace SUBNET with its subnet, a /24 of 10.42.0.0/16; run: " +
      "grpcurl -plaintext -d " +
      `'{"destination": "SUBNET", "via_interface": "vxlan100"}' 127.0.0.1:50051 ` +
      "quilt.QuiltRuntime/InjectRoute",
    ],
  );
});

fullTest(
  "the log reports no missing routes when each peer has one, nor before the agent's first call",
  async () => {
    await using host = await openHost();
    const { namespace, sidecar } = host;
    await addPeers(namespace, ["192.0.2.2"]);
    await namespace.ip("route add blackhole 198.51.100.1 table 142");
    await sidecar.stop();
    await using fresh = await startSidecar(namespace);
    await using client = await connectClient(namespace);
    assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
    assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    // Logged together with the missing routes; the end waits for what was started.
    await fresh.logged(/foreign entry in table 142/);
    await fresh.stop();
    await using next = await startSidecar(namespace);
    await next.logged(/foreign entry in table 142/);
    await next.stop();
    for (const each of [sidecar, fresh, next]) {
      assert.deepEqual(findingMessages(each).filter((line) => LOST.test(line)), []);
    }
  },
);
