import assert from "node:assert/strict";
import { batch, cidr, ip, makeGround, routesTo } from "../support/fixtures.ts";
import { listenToRoutes } from "./route_events.ts";
import { openRoutes, peers, shown } from "./routes_harness.ts";

const kinds = (outcomes: readonly string[]): ReadonlySet<string> =>
  new Set(outcomes.map((outcome) => outcome.split(" ")[0] ?? ""));

Deno.test("SyncRoutes makes the kernel have exactly the stated routes, whatever it had", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using node = openRoutes();
  await node.inject("10.42.2.0/24");
  await node.inject("10.42.3.0/24", "other");
  await node.inject("10.42.9.0/24");
  const stated = [
    { destination: "10.42.20.0/24", device: "other" },
    { destination: "10.42.2.0/24", device: "vxlan100" },
    { destination: "10.42.3.0/24", device: "vxlan100" },
  ];
  assert.deepEqual(await node.sync(stated), [
    "unchanged 10.42.2.0/24",
    "added 10.42.3.0/24: Replaced route 10.42.3.0/24 dev other proto 142 metric 0 " +
    "with ours dev vxlan100",
    "removed 10.42.9.0/24",
    "added 10.42.20.0/24",
  ]);
  assert.deepEqual(await node.ours(), shown(stated));
  assert.deepEqual(await node.sync([]), [
    "removed 10.42.2.0/24",
    "removed 10.42.3.0/24",
    "removed 10.42.20.0/24",
  ]);
  assert.deepEqual(await node.ours(), []);
});

Deno.test("SyncRoutes of 254 unchanged routes writes nothing to the kernel, and ten times if ten differ", async () => {
  await using _ground = await makeGround("vxlan100");
  await using node = openRoutes();
  assert.deepEqual(kinds(await node.sync(peers(2, 254))), new Set(["added"]));
  assert.equal(node.mutations().length, 508);
  {
    await using events = await listenToRoutes();
    assert.deepEqual(kinds(await node.sync(peers(2, 254))), new Set(["unchanged"]));
    assert.deepEqual(await events.seen(), []);
    assert.deepEqual(node.mutations(), []);
  }
  await using events = await listenToRoutes();
  const outcomes = await node.sync([...peers(7, 249), ...peers(0, 2)].slice(0, 251));
  assert.deepEqual(outcomes.filter((each) => !each.startsWith("unchanged")), [
    "added 10.42.0.0/24",
    "added 10.42.1.0/24",
    ...[2, 3, 4, 5, 6].map((octet) => `removed 10.42.${octet}.0/24`),
  ]);
  const seen = await events.seen();
  assert.equal(seen.filter((line) => !line.includes(" table 142 ")).length, 7);
  assert.equal(seen.length, 14);
});

Deno.test("SyncRoutes verifies unchanged routes in the kernel, and adds one that another process deleted", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using node = openRoutes();
  await node.sync(peers(2, 20));
  await batch([
    "route del 10.42.3.0/24",
    "route replace 10.42.4.0/24 dev other proto 142",
  ]);
  node.mutations();
  const outcomes = await node.sync(peers(2, 20));
  assert.deepEqual(outcomes.filter((each) => !each.startsWith("unchanged")), [
    "added 10.42.3.0/24",
    "added 10.42.4.0/24: Replaced route 10.42.4.0/24 dev other proto 142 metric 0 " +
    "with ours dev vxlan100",
  ]);
  assert.deepEqual(await node.ours(), shown(peers(2, 20)));
});

Deno.test("SyncRoutes replaces foreign routes where a route is desired, and leaves them elsewhere", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using node = openRoutes({ resynced: false });
  await batch([
    "route add 10.42.2.0/24 dev other proto static metric 7",
    "route add 10.42.3.0/24 dev other",
    "route add 10.42.4.0/24 dev other proto static",
  ]);
  assert.deepEqual(await node.sync([...peers(2, 2), ...peers(5, 1)]), [
    "added 10.42.2.0/24: Replaced route 10.42.2.0/24 dev other proto 4 metric 7 " +
    "with ours dev vxlan100",
    "added 10.42.3.0/24: Replaced route 10.42.3.0/24 dev other proto 3 metric 0 " +
    "with ours dev vxlan100",
    "added 10.42.5.0/24",
  ]);
  assert.deepEqual(await node.sync([]), [
    "removed 10.42.2.0/24",
    "removed 10.42.3.0/24",
    "removed 10.42.5.0/24",
  ]);
  assert.deepEqual(await routesTo("10.42.4.0/24"), [
    "10.42.4.0/24 dev other proto static scope link",
  ]);
});

Deno.test("SyncRoutes reports each destination that fails, and completes the rest", async () => {
  await using ground = await makeGround("vxlan100", "quilt0");
  await ground.addDevice("asleep", false);
  await using node = openRoutes();
  await ip("route add 10.42.5.0/24 dev quilt0 proto kernel");
  node.desired.ownSubnet = cidr("10.42.1.0/24");
  const stated = [
    ...peers(1, 2),
    ...peers(3, 1, "asleep"),
    ...peers(4, 1, "nowhere"),
    ...peers(5, 2),
  ];
  const outcomes = [
    "refused 10.42.1.0/24: Destination 10.42.1.0/24 is this node's own subnet",
    "added 10.42.2.0/24",
    "pending 10.42.3.0/24: Interface 'asleep' is down",
    "pending 10.42.4.0/24: Interface 'nowhere' not found",
    "refused 10.42.5.0/24: 10.42.5.0/24 is directly connected on quilt0; " +
    "refusing to replace it",
    "added 10.42.6.0/24",
  ];
  assert.deepEqual(await node.sync(stated), outcomes);
  const there = [
    "main 10.42.2.0/24 vxlan100",
    "main 10.42.6.0/24 vxlan100",
    "record 10.42.2.0/24 vxlan100",
    "record 10.42.3.0/24 asleep",
    "record 10.42.4.0/24 nowhere",
    "record 10.42.6.0/24 vxlan100",
  ];
  assert.deepEqual(await node.ours(), there);
  node.mutations();
  const again = outcomes.map((outcome) => outcome.replace("added", "unchanged"));
  assert.deepEqual(await node.sync(stated), again);
  assert.deepEqual(node.mutations(), []);
  await ip("link set asleep up");
  assert.equal((await node.sync(stated))[2], "added 10.42.3.0/24");
  const gone = await node.sync([]);
  assert.deepEqual(kinds(gone), new Set(["removed"]));
  assert.equal(gone.length, 4);
  assert.deepEqual(await node.ours(), []);
});

Deno.test("SyncRoutes with one invalid entry is refused as a whole, and writes nothing", async () => {
  await using _ground = await makeGround("vxlan100");
  await using node = openRoutes();
  await node.sync(peers(2, 3));
  node.mutations();
  const bad = [...peers(9, 2), { destination: "10.42.0.0/16", device: "vxlan100" }];
  assert.deepEqual(await node.sync(bad), [
    "routes[2]: Destination must be /24, got /16",
  ]);
  assert.deepEqual(node.mutations(), []);
  assert.deepEqual(await node.ours(), shown(peers(2, 3)));
});

Deno.test("SyncRoutes as a dry run answers what a sync then does, and writes and stores nothing", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using node = openRoutes({ resynced: false });
  await batch([
    "route add 10.42.4.0/24 dev other proto static",
    "route add 10.42.5.0/24 dev other proto kernel",
  ]);
  await node.sync([
    ...peers(2, 2),
    ...peers(8, 2, "other"),
    ...peers(10, 1, "nowhere"),
  ]);
  const before = await node.ours();
  const listed = await node.routes.list();
  node.mutations();
  const stated = [...peers(3, 6), ...peers(11, 1, "nowhere")];
  const predicted = await node.sync(stated, true);
  assert.deepEqual(node.mutations(), []);
  assert.deepEqual(await node.ours(), before);
  assert.deepEqual(await node.routes.list(), listed);
  assert.deepEqual(await node.sync(stated), predicted);
  assert.deepEqual([...kinds(predicted)].toSorted(), [
    "added",
    "pending",
    "refused",
    "removed",
    "unchanged",
  ]);
});

Deno.test("SyncRoutes leaves one audit record with its client for each mutation", async () => {
  await using _ground = await makeGround("vxlan100");
  await using node = openRoutes();
  await node.sync(peers(2, 200));
  await node.sync(peers(2, 200), true);
  assert.equal(node.trail.records.length, 400);
  for (const record of node.trail.records) {
    assert.equal(record["rpc"], "SyncRoutes");
    assert.equal(record["peer"], "127.0.0.1:40112");
    assert.equal(record["outcome"], "done");
  }
});
