import assert from "node:assert/strict";
import { connectClient } from "../support/client.ts";
import { startSidecar } from "../support/sidecar.ts";
import { done } from "./host.ts";
import { makeTwoHosts, startPinger } from "./two_hosts.ts";

/** An ARP entry that failed a moment ago is asked for again within a second. */
const IN_TIME_MS = 5_000;

/** Long enough for some thirty datagrams, and for ten at least: none may be answered. */
const IN_VAIN = [300, 10] as const;

Deno.test("containers of two hosts reach each other exactly while both routes are installed", async () => {
  await using stack = new AsyncDisposableStack();
  const { one, two } = stack.use(await makeTwoHosts());
  const [client1, client2] = await Promise.all([one, two].map(async ({ host }) => {
    stack.use(await startSidecar(host));
    return stack.use(await connectClient(host));
  }));
  assert.ok(client1 !== undefined && client2 !== undefined);
  assert.deepEqual(await client1.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client2.configureNodeSubnet("10.42.2.0/24"), done);
  const there = stack.use(await startPinger(one, "10.42.2.2", 10));
  const back = stack.use(await startPinger(two, "10.42.1.2", 10));
  assert.equal(await there.reaches(...IN_VAIN), false, "before any route");

  assert.deepEqual(await client1.injectRoute("10.42.2.0/24", "vxlan100"), done);
  assert.equal(await there.reaches(...IN_VAIN), false, "with only the way there");
  assert.deepEqual(await client2.injectRoute("10.42.1.0/24", "vxlan100"), done);
  assert.equal(await there.reaches(IN_TIME_MS), true, "from one to two");
  assert.equal(await back.reaches(IN_TIME_MS), true, "from two to one");

  assert.deepEqual(await client1.removeRoute("10.42.2.0/24"), done);
  assert.equal(await there.reaches(...IN_VAIN), false, "after RemoveRoute");
  assert.deepEqual(await client1.injectRoute("10.42.2.0/24", "vxlan100"), done);
  assert.equal(await there.reaches(IN_TIME_MS), true, "once it is back");
});
