import assert from "node:assert/strict";
import type { Sidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { done, type Host, messagesSoFar, openHost } from "./host.ts";
import { watchRoutes } from "./route_watch.ts";
import { bounded } from "../support/suite.ts";

const PEERS = Array.from({ length: 254 }, (_, at) => `10.42.${at + 1}.0/24`);

/** What the agent does every 5 s: one peer after another. */
async function sync({ client }: Host): Promise<void> {
  for (const peer of PEERS) {
    assert.deepEqual(await client.injectRoute(peer, "vxlan100"), done);
  }
}

/** Waits for the audit record of a command; what came before it is there by then. */
async function audited({ audit }: Sidecar, words: string): Promise<void> {
  await until(() => audit.some((line) => line.includes(`"words":"${words}`)), {
    what: `the record of ${words}`,
  });
}

Deno.test("InjectRoute of 254 unchanged routes, repeated: no kernel write, no audit record, no log line above debug", async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  assert.deepEqual(await client.configureNodeSubnet("10.42.255.0/24"), done);
  await sync(host);
  await sidecar.logged(/Successfully injected route: 10\.42\.254\.0\/24 /);
  await audited(sidecar, "route add 10.42.254.0/24 ");
  const [logs, records] = [messagesSoFar(sidecar).length, sidecar.audit.length];
  await using watch = await watchRoutes(namespace);
  for (let round = 0; round < bounded(3, 1); round += 1) {
    await sync(host);
  }
  assert.deepEqual(await watch.seen(), []);
  // Both are written in order: what the syncs left would stand before this.
  assert.deepEqual(await client.removeRoute("10.42.254.0/24"), done);
  await sidecar.logged(/Successfully removed route: 10\.42\.254\.0\/24/);
  assert.match(messagesSoFar(sidecar)[logs] ?? "", /INFO: RPC: RemoveRoute\(/);
  await audited(sidecar, "route del 10.42.254.0/24 ");
  assert.match(sidecar.audit[records] ?? "", /"rpc":"RemoveRoute"/);
  const removed = await watch.seen();
  assert.ok(removed.some((line) => line.includes("Deleted 10.42.254.0/24")));
});
