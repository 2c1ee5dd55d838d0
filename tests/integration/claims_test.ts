import assert from "node:assert/strict";
import { INSTALLED } from "../../src/reconcile/outcome.ts";
import { resync } from "../../src/reconcile/resync.ts";
import { TABLE_142 } from "../../src/state/table142_store.ts";
import { until } from "../support/wait.ts";
import { batch, cidr, device, ip, makeGround } from "../support/fixtures.ts";
import { allocate } from "./addresses_harness.ts";
import { openRoutes } from "./routes_harness.ts";
import { type NodeUnderTest, openNodeUnderTest } from "./node_harness.ts";

const SUBNET = "10.42.1.0/24";
const GONE = "10.42.2.0/24";
const THERE = "10.42.3.0/24";
const OFTEN = { resyncMs: 50 };

/** The routes that the agent has not asked for since its start, as they are listed. */
async function unconfirmed({ node }: NodeUnderTest): Promise<readonly string[]> {
  const routes = await node.routes.list();
  return routes.filter(({ confirmed }) => !confirmed)
    .map(({ route }) => route.destination);
}

/** The same, as table 142 has it. */
async function marked(): Promise<readonly string[]> {
  const text = await ip("route show table 142");
  return [...text.matchAll(/^unreachable (\S+) .*initcwnd 1\b/gm)].map(([, to = ""]) =>
    to
  );
}

Deno.test("the route of a peer that has gone stays stale after every restart, until a client requests it", async () => {
  await using _ground = await makeGround("vxlan100");
  {
    await using peer = await openNodeUnderTest(OFTEN);
    for (const to of [GONE, THERE]) assert.equal(await peer.inject(to), "added");
    // The agent starts again, and sees only one of its peers.
    await peer.configure(SUBNET);
    assert.equal(await peer.inject(THERE), "unchanged");
    assert.deepEqual(await unconfirmed(peer), [GONE]);
    await until(async () => (await marked()).join() === GONE, {
      what: "table 142 to say it of that one alone",
    });
  }
  {
    await using peer = await openNodeUnderTest(OFTEN);
    assert.deepEqual(await unconfirmed(peer), [GONE]);
    assert.equal(await peer.inject(GONE), "unchanged");
    assert.deepEqual(await unconfirmed(peer), []);
    await until(async () => (await marked()).length === 0, {
      what: "table 142 to say it of none",
    });
    const causes = new Set(peer.trail.records.map(({ rpc }) => rpc));
    assert.deepEqual(causes, new Set(["repair"]), "a call wrote to the kernel");
    assert.deepEqual(peer.log.filter((line) => line.startsWith("warn")), []);
  }
  await using peer = await openNodeUnderTest(OFTEN);
  assert.deepEqual(await unconfirmed(peer), []);
});

Deno.test("ConfigureNodeSubnet that is refused makes no route stale", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.configure(SUBNET), "configured");
  for (const to of [GONE, THERE]) assert.equal(await peer.inject(to), "added");
  assert.equal(await allocate(peer, "web-1"), "10.42.1.2");
  assert.match(await peer.configure("10.42.9.0/24"), /^Cannot change node subnet/);
  assert.match(await peer.configure("10.42.9.0/16"), /^Subnet must be/);
  assert.deepEqual(await unconfirmed(peer), []);
  assert.equal(await peer.configure(SUBNET), "configured");
  assert.deepEqual(await unconfirmed(peer), [GONE, THERE]);
});

Deno.test("an agent that has just started can claim its routes until the second resync", async () => {
  await using _ground = await makeGround("vxlan100");
  await using node = openRoutes();
  await batch([
    `route add ${GONE} dev vxlan100 proto 142`,
    `route add unreachable ${GONE} table 142 proto 142 metric 142 window 1987603553 ssthresh 1848717360`,
  ]);
  const { dataplane, desired, parts: { policy }, records: owner } = node;
  const route = { destination: cidr(GONE), device: device("vxlan100") };
  desired.put({ route, persisted: true, status: INSTALLED });
  desired.markAllStale();
  const parts = { dataplane, desired, owner, policy, store: TABLE_142 };
  const missing = async () => {
    const found = await resync(parts);
    return found.ok ? found.value.missing : found.fault;
  };
  assert.deepEqual(await missing(), []);
  assert.deepEqual(await missing(), [GONE]);
  desired.claim(route.destination);
  assert.deepEqual(await missing(), []);
});
