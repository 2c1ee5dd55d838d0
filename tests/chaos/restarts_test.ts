import assert from "node:assert/strict";
import { connectClient } from "../support/client.ts";
import { lanes } from "../support/lanes.ts";
import type { Namespace } from "../support/namespace.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { done } from "../e2e/host.ts";
import { makeTwoHosts, startPinger } from "../e2e/two_hosts.ts";
import { bounded } from "../support/suite.ts";

const RESTARTS = bounded(10, 2);
const EVERY_MS = 10;

/** The calls that the agent makes once, at its start. */
async function configure(host: Namespace, number: number): Promise<void> {
  await using client = await connectClient(host);
  const other = `10.42.${3 - number}.0/24`;
  assert.deepEqual(await client.configureNodeSubnet(`10.42.${number}.0/24`), done);
  assert.deepEqual(await client.injectRoute(other, "vxlan100"), done);
}

/** Ends a sidecar by a signal, and starts another in its place. */
async function restart(
  host: Namespace,
  sidecar: Sidecar,
  signal: Deno.Signal,
): Promise<Sidecar> {
  sidecar.kill(signal);
  await sidecar.status;
  return await startSidecar(host);
}

Deno.test(`${RESTARTS} restarts on both hosts, graceful and not, lose no packet of one every ${EVERY_MS} ms`, async () => {
  await using stack = new AsyncDisposableStack();
  const { one, two } = stack.use(await makeTwoHosts());
  let sidecars = await Promise.all([startSidecar(one.host), startSidecar(two.host)]);
  stack.defer(async () => {
    for (const sidecar of sidecars) await sidecar[Symbol.asyncDispose]();
  });
  await Promise.all([configure(one.host, 1), configure(two.host, 2)]);
  {
    // Until ARP has found the way, packets wait or are lost in any case.
    await using first = await startPinger(one, "10.42.2.2", EVERY_MS);
    assert.ok(await first.reaches(5_000), "with both routes in");
  }
  const pinger = stack.use(await startPinger(one, "10.42.2.2", EVERY_MS));
  for (let round = 0; round < RESTARTS; round += 1) {
    const [first, second] = sidecars;
    const isGraceful = round % 2 === 0;
    sidecars = await lanes([
      restart(one.host, first, isGraceful ? "SIGTERM" : "SIGKILL"),
      restart(two.host, second, isGraceful ? "SIGKILL" : "SIGTERM"),
    ]);
  }
  const { lost, sent } = await pinger.finish();
  assert.ok(sent > RESTARTS * 10, `only ${sent} were sent`);
  assert.deepEqual(lost, [], `lost of ${sent}`);
});
