import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { cidr, ip, makeGround, routesTo } from "../support/fixtures.ts";
import { writes } from "./losing_dataplane.ts";
import { openReconciledRoutes, type ReconciledRoutes } from "./reconciled_routes.ts";
import { peers, shown } from "./routes_harness.ts";

const TO = "10.42.2.0/24";
const UNCONFIRMED = {
  kind: "refused",
  sentence: `No answer from the kernel about ${TO}: as the test wants; ` +
    "the state is unknown, call again",
};

const INSTALLED = `info: Installed 1 pending route via vxlan100: ${TO}`;

/** What is listed: a destination, and why its route is not installed. */
async function listed({ routes }: ReconciledRoutes): Promise<readonly string[]> {
  return (await routes.list()).map(({ pending, route }) =>
    pending === "" ? route.destination : `${route.destination}: ${pending}`
  );
}

async function untilOurs(node: ReconciledRoutes, expected: readonly string[]) {
  let ours: readonly string[] = [];
  await until(async () => {
    ours = await node.ours();
    return ours.join() === expected.join();
  }, { what: () => `${expected.join()} instead of ${ours.join()}` });
}

Deno.test("InjectRoute that got no answer is completed as soon as the kernel answers", async () => {
  await using _ground = await makeGround("vxlan100");
  await using node = await openReconciledRoutes({ resyncs: false });
  node.dataplane.loses = () => "before";
  assert.deepEqual(await node.inject(TO), UNCONFIRMED);
  node.dataplane.loses = () => undefined;
  await untilOurs(node, shown(peers(2, 1)));
  await until(async () => (await listed(node)).join() === TO, { what: "the list" });
  await until(() => node.log.at(-1) === INSTALLED, { what: () => node.log.join("\n") });
});

Deno.test("InjectRoute that was executed but got no answer is listed as installed soon", async () => {
  await using _ground = await makeGround("vxlan100");
  await using node = await openReconciledRoutes({ resyncs: false });
  node.dataplane.loses = (operations) => writes(operations) ? "after" : undefined;
  assert.deepEqual(await node.inject(TO), UNCONFIRMED);
  assert.deepEqual(await node.ours(), shown(peers(2, 1)));
  node.dataplane.loses = () => undefined;
  await until(async () => (await listed(node)).join() === TO, { what: "the list" });
  await until(() => node.log.at(-1) === INSTALLED, { what: () => node.log.join("\n") });
});

Deno.test("SyncRoutes that got no answer is completed as soon as the kernel answers", async () => {
  await using _ground = await makeGround("vxlan100");
  await using node = await openReconciledRoutes({ resyncs: false });
  await node.sync(peers(2, 1));
  node.dataplane.loses = () => "before";
  for (const outcome of await node.sync(peers(3, 2))) {
    assert.match(outcome, /^refused .*: No answer from the kernel about /);
  }
  node.dataplane.loses = () => undefined;
  await untilOurs(node, shown(peers(3, 2)));
});

Deno.test("RemoveRoute that got no answer is completed soon, and removes nothing later", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using node = await openReconciledRoutes({ resyncs: false });
  await node.inject("10.42.3.0/24");
  node.dataplane.loses = () => "before";
  assert.deepEqual(await node.remove(TO), UNCONFIRMED);
  node.dataplane.loses = () => undefined;
  await until(() => !node.desired.isPendingDeletion(cidr(TO)), { what: "the removal" });
  const operators = `${TO} dev other proto static scope link`;
  await ip(`route add ${TO} dev other proto static`);
  // Once this one is back, the event before its deletion has been looked into as well.
  await ip("route del 10.42.3.0/24");
  await untilOurs(node, shown(peers(3, 1)));
  assert.deepEqual(await routesTo(TO), [operators]);
});

Deno.test("RemoveRoute that got no answer removes its routes as soon as the kernel answers", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using node = await openReconciledRoutes({ resyncs: false });
  await node.inject(TO);
  node.dataplane.loses = () => "before";
  assert.deepEqual(await node.remove(TO), UNCONFIRMED);
  node.dataplane.loses = () => undefined;
  await untilOurs(node, []);
  await until(
    () => node.log.includes(`info: Removed 1 route whose removal was pending: ${TO}`),
    {
      what: "the line that says so",
    },
  );
});

Deno.test("SyncRoutes that got no answer removes our own routes later, and no foreign one", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using node = await openReconciledRoutes({ watches: false, resyncs: false });
  await node.sync(peers(2, 1));
  node.dataplane.loses = () => "before";
  await node.sync([]);
  await ip(`route add ${TO} dev other proto static metric 50`);
  node.dataplane.loses = () => undefined;
  await untilOurs(node, []);
  assert.equal((await routesTo(TO)).length, 1);
});
