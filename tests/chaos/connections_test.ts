import assert from "node:assert/strict";
import { connectClient } from "../support/client.ts";
import type { Namespace } from "../support/namespace.ts";
import { done, openHost } from "../e2e/host.ts";
import { residentKiB } from "../e2e/processes.ts";
import { bounded, fullTest } from "../support/suite.ts";

const ROUNDS = 5;
/** Growth stays; what one reading has caught of a collection does not. */
const READINGS = 2;
const CALLS = 5_000;
const IN_FLIGHT = 32;

/** What the agent does every 5 s for each peer, on one connection that then closes. */
async function callAndClose(namespace: Namespace): Promise<void> {
  await using client = await connectClient(namespace);
  let left = CALLS;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

fullTest(
  `the sidecar survives ${CALLS} calls on a connection that then closes, ${ROUNDS} times, and its memory does not grow`,
  async () => {
    await using host = await openHost();
    const { namespace, sidecar } = host;
    const resident: number[] = [];
    for (let round = 0; round < ROUNDS - 1 + READINGS; round += 1) {
      await callAndClose(namespace);
      resident.push(residentKiB(sidecar.pid));
    }
    const [first = 0] = resident;
    const last = Math.min(...resident.slice(-READINGS));
    assert.ok(last <= first * 1.1, `KiB: ${resident.join(" ")}`);
    await using client = await connectClient(namespace);
    assert.deepEqual(await client.removeRoute("10.42.2.0/24"), done);
  },
);

Deno.test("the sidecar serves other clients while clients are killed during their calls", async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  for (let round = 0; round < bounded(5, 2); round += 1) {
    const doomed = await connectClient(namespace);
    const calls = Array.from(
      { length: 200 },
      (_, at) => doomed.injectRoute(`10.42.${at + 2}.0/24`, "vxlan100"),
    );
    const outcomes = Promise.allSettled(calls);
    await calls[round * 10];
    await doomed.kill();
    await outcomes;
    assert.deepEqual(await client.removeRoute("10.42.2.0/24"), done);
  }
  assert.equal((await sidecar.stop()).code, 0, sidecar.log.join("\n"));
});
