/** No sidecar received an InjectRoute: the remedy in the log brings packets back. */
import assert from "node:assert/strict";
import { connectClient } from "../support/client.ts";
import { stringAt } from "../../deploy/json.ts";
import { startSidecar } from "../support/sidecar.ts";
import { makeAgent } from "./agent.ts";
import { done } from "./host.ts";
import { printedCall } from "./remedies.ts";
import { makeTwoHosts, startPinger } from "./two_hosts.ts";

const ONE = { subnet: "10.42.1.0/24", address: "198.51.100.1" };
const TWO = { subnet: "10.42.2.0/24", address: "198.51.100.2" };
const THREE = { subnet: "10.42.3.0/24", address: "198.51.100.3" };

/** An ARP entry that failed a moment ago is asked for again within a second. */
const IN_TIME_MS = 5_000;

const IN_VAIN = [300, 10] as const;

Deno.test("the call that the log prints for a lost InjectRoute lets packets through again, and the agent's stop still removes all routes", async () => {
  await using stack = new AsyncDisposableStack();
  const { one, two } = stack.use(await makeTwoHosts());
  stack.use(await startSidecar(two.host));
  const other = stack.use(await makeAgent(two.host, TWO.subnet));
  assert.deepEqual(await other.start(), done);
  assert.equal(await other.synchronize([ONE]), 0);

  const sidecar = stack.use(await startSidecar(one.host));
  const agent = stack.use(await makeAgent(one.host, ONE.subnet));
  assert.deepEqual(await agent.start(), done);
  assert.equal(await agent.synchronize([THREE]), 0);
  await sidecar.stop();
  assert.equal(await agent.synchronize([THREE, TWO]), 1, "nobody listens");

  const next = stack.use(await startSidecar(one.host));
  assert.equal(await agent.synchronize([THREE, TWO]), 0, "the agent repeats nothing");
  const pinger = stack.use(await startPinger(one, "10.42.2.2", 10));
  assert.equal(await pinger.reaches(...IN_VAIN), false, "before the remedy");

  const sentence = await next.logged(
    /WARN: missing-routes .*: vxlan100 forwards to 2 peers/,
  );
  assert.match(
    sentence,
    /only 1 desired route leads through it \(10\.42\.3\.0\/24\): /,
  );
  const remedy = printedCall(sentence);
  assert.equal(remedy.target, "127.0.0.1:50051");
  assert.equal(remedy.method, "quilt.QuiltRuntime/InjectRoute");
  assert.equal(stringAt(remedy.request, "destination"), "SUBNET");
  const device = stringAt(remedy.request, "via_interface");
  const operator = stack.use(await connectClient(one.host));
  assert.deepEqual(await operator.injectRoute(TWO.subnet, device), done);
  assert.equal(await pinger.reaches(IN_TIME_MS), true, "after the remedy");

  // Why the sentence does not say: restart the agent.
  await agent.stop();
  assert.equal(await one.host.ip("route show proto 142"), "");
  assert.equal(await pinger.reaches(...IN_VAIN), false, "without an agent");
});
