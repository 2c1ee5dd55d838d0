import assert from "node:assert/strict";
import { caller } from "./node_harness.ts";
import { until } from "../support/wait.ts";
import { cidr, device, ip, makeGround, routesTo } from "../support/fixtures.ts";
import { type Loss, writes } from "./losing_dataplane.ts";
import { openReconciledRoutes, type ReconciledRoutes } from "./reconciled_routes.ts";
import { peers, shown } from "./routes_harness.ts";
import { fullTest } from "../support/suite.ts";

const SUBNET = cidr("10.42.1.0/24");
const TO = "10.42.2.0/24";

async function configure(node: ReconciledRoutes): Promise<void> {
  const call = caller("ConfigureNodeSubnet");
  const outcome = await node.network.configureNodeSubnet(SUBNET, call);
  assert.equal(outcome.kind, "configured");
}

Deno.test("the reconciler retries the flushed record of the subnet with back-off while ip fails, and writes it as soon as the kernel answers", async () => {
  await using _ground = await makeGround("vxlan100");
  await using node = await openReconciledRoutes({ resyncs: false });
  await configure(node);
  const attempts: number[] = [];
  node.dataplane.loses = (operations) => {
    if (!writes(operations)) return undefined;
    attempts.push(performance.now());
    return "before";
  };
  await ip("route flush table 142");
  // Seven times, in six batches each.
  await until(() => attempts.length >= 42, { what: "attempts to write the subnet" });
  const tookMs = (attempts[41] ?? 0) - (attempts[0] ?? 0);
  assert.ok(tookMs >= 10 + 20 + 40 + 80 + 160 + 320, `seven within ${tookMs} ms`);
  node.dataplane.loses = () => undefined;
  await until(async () => (await node.ours()).join() === `subnet ${SUBNET}`, {
    what: "the subnet in table 142",
  });
  const repaired = `warn: Restored 1 record that was missing from table 142: ${SUBNET}`;
  await until(() => node.log.includes(repaired), { what: repaired });
});

Deno.test("the log reports no contention while ip fails, and says when ip is back", async () => {
  await using _ground = await makeGround("vxlan100");
  await using node = await openReconciledRoutes({ resyncs: false });
  await node.sync(peers(2, 1));
  let attempts = 0;
  node.dataplane.loses = () => {
    attempts += 1;
    return "before";
  };
  await ip(`route del ${TO}`);
  // Enough of them for contention, and the time after which the log would report it.
  await until(() => attempts >= 60, { what: "attempts", deadlineMs: 10_000 });
  node.dataplane.loses = () => undefined;
  await until(async () => (await node.ours()).join() === shown(peers(2, 1)).join(), {
    what: "the route",
  });
  await until(
    () => node.log.some((line) => line.includes("Installed 1 pending route")),
    {
      what: "the line that says so",
    },
  );
  // The resync has lines of its own, see failing_resyncs_test.ts.
  const ofRepairs = node.log.slice(1).filter((line) => !line.includes("The resync "));
  assert.deepEqual(ofRepairs, [
    `warn: No answer from the kernel about ${TO}: as the test wants; ` +
    `the state is unknown, call again: ${TO}`,
    `info: Installed 1 pending route via vxlan100: ${TO}`,
  ]);
});

fullTest(
  "the time that a repair waits for a hanging ip does not lengthen the back-off",
  async () => {
    await using _ground = await makeGround("vxlan100");
    await using node = await openReconciledRoutes({ resyncs: false });
    await node.sync(peers(2, 1));
    node.dataplane.loses = async (): Promise<Loss> => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      return "before";
    };
    await ip(`route del ${TO}`);
    await until(async () => (await node.routes.list())[0]?.pending !== "", {
      what: "a repair that got no answer",
    });
    node.dataplane.loses = () => undefined;
    // The repair took 3 s.
    await until(async () => (await routesTo(TO)).length === 1, { what: "the route" });
  },
);

Deno.test("ListRoutes shows a route as installed at the next resync after its repair was refused and another process added it", async () => {
  await using _ground = await makeGround("vxlan100");
  await using node = await openReconciledRoutes({ resyncMs: 500 });
  await ip(`route add ${TO} dev vxlan100 proto 142`);
  const status = { kind: "error", sentence: "The kernel refused it" } as const;
  const route = { destination: cidr(TO), device: device("vxlan100") };
  node.desired.put({ route, persisted: true, status });
  await until(
    async () => (await node.routes.list()).every((each) => each.pending === ""),
    {
      what: "the list",
    },
  );
});
