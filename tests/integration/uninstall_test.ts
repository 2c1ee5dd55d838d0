import assert from "node:assert/strict";
import { openUninstall, type OurTraces } from "../../src/uninstall_node.ts";
import { batch, collectAuditLog, ip, makeGround } from "../support/fixtures.ts";
import { bounded } from "../support/suite.ts";
import { allocate } from "./addresses_harness.ts";
import { openNodeUnderTest } from "./node_harness.ts";

/**
 * Routes of others, beside ours and in every place where ours are. Protocols are numbers:
 * in one batch, iproute2 6.1 takes a name for the number that stood before it.
 */
const FOREIGN: readonly string[] = [
  "route add 10.42.50.0/24 dev vxlan100",
  "route add 10.42.51.0/24 dev vxlan100 proto 4",
  "route add 10.42.2.0/25 dev other proto 186",
  "route add unreachable 10.42.52.0/24 proto 4",
  "route add 10.42.53.0/24 dev other table 77 proto 142",
  // In table 142: of another program, and with our number but a metric that is not ours.
  "route add blackhole 10.42.54.0/24 table 142",
  "route add unreachable 10.42.57.0/24 table 142 proto 4 metric 142",
  "route add prohibit 10.42.1.2/32 table 142 proto 142 metric 9999",
  "route add throw 10.42.55.0/24 table 142 proto 142 metric 142",
  "route add 10.42.56.0/24 dev other table 142 proto 142 metric 142",
];

/** One to a destination of ours, where InjectRoute would have replaced it. */
const BESIDE = "10.42.2.0/24 dev other proto static metric 77";

/** Every IPv4 route of the namespace, in a fixed order. */
async function everything(): Promise<readonly string[]> {
  const text = await ip("-4 route show table all");
  return text.split("\n").map((line) => line.trimEnd()).toSorted();
}

async function find(
  { find }: Pick<ReturnType<typeof openUninstall>, "find">,
): Promise<OurTraces> {
  const found = await find();
  assert.ok(found.ok, found.ok ? "" : found.fault);
  return found.value;
}

Deno.test("uninstall deletes our routes and what table 142 has of ours, and no route of anybody else", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await batch(FOREIGN);
  await ip(`route add ${BESIDE}`);
  const before = await everything();
  const overlay = before.filter((line) => line.includes("10.42."));
  assert.equal(overlay.length, FOREIGN.length + 1);
  await ip(`route del ${BESIDE}`);
  {
    await using node = await openNodeUnderTest();
    await node.configure("10.42.1.0/24");
    for (const octet of [2, 3, 4]) await node.inject(`10.42.${octet}.0/24`);
    await node.inject("10.42.9.0/24", "missing");
    await allocate(node, "web-1");
    await allocate(node, "x".repeat(128));
  }
  // As a sidecar of before, or an operator, may have left it.
  await batch([
    `route add ${BESIDE}`,
    "route add 10.42.5.0/24 dev other proto 142 metric 50",
    "route add unreachable 10.42.6.0/24 proto 142",
    "route add 10.42.7.0/24 proto 142 nexthop dev other nexthop dev vxlan100",
    "route add blackhole 10.42.8.0/24 table 142 proto 142 metric 142",
  ]);
  const trail = collectAuditLog();
  await using node = openUninstall(trail);
  const found = await find(node);
  assert.deepEqual(
    found.routes.map(({ destination }) => destination).toSorted(),
    [2, 3, 4, 5, 6, 7].map((octet) => `10.42.${octet}.0/24`),
  );
  // A subnet, four routes, two allocations with one and six parts of a name, and one more.
  assert.equal(found.entries, 1 + 4 + 2 + 1 + 6 + 1);
  const taken = await node.take(found);
  assert.ok(taken.ok, taken.ok ? "" : taken.fault);
  assert.deepEqual(await everything(), before);
  assert.deepEqual(
    trail.records.map(({ outcome, rpc }) => [rpc, outcome]),
    found.mutations.map(() => ["uninstall", "done"]),
  );
  assert.deepEqual(await find(node), { routes: [], entries: 0, mutations: [] });
});

Deno.test("uninstall does not mind what is gone meanwhile, and finds nothing in a fresh namespace", async () => {
  await using _ground = await makeGround("vxlan100");
  await using node = openUninstall(collectAuditLog());
  assert.deepEqual(await find(node), { routes: [], entries: 0, mutations: [] });
  await ip("route add 10.42.2.0/24 dev vxlan100 proto 142");
  await ip("route add 10.42.3.0/24 dev vxlan100 proto 142");
  const found = await find(node);
  assert.equal(found.routes.length, 2);
  await ip("route del 10.42.2.0/24 proto 142");
  assert.deepEqual(await node.take(found), { ok: true, value: undefined });
  assert.deepEqual(await find(node), { routes: [], entries: 0, mutations: [] });
});

Deno.test("uninstall says which routes are there again, because another process puts them back", async () => {
  await using _ground = await makeGround("vxlan100");
  await using node = openUninstall(collectAuditLog());
  await ip("route add 10.42.2.0/24 dev vxlan100 proto 142");
  const found = await find(node);
  await ip("route add 10.42.3.0/24 dev vxlan100 proto 142");
  assert.deepEqual(await node.take(found), {
    ok: false,
    fault: "Another process, such as a sidecar on another address, restored " +
      "10.42.3.0/24; stop it, and run the command again",
  });
});

const MANY = bounded(20_000, 1_500);

Deno.test(`uninstall deletes ${MANY} routes and their records`, async () => {
  await using _ground = await makeGround("vxlan100");
  const before = await everything();
  const destinations = Array.from(
    { length: MANY },
    (_, at) => `10.42.${at >> 7}.${(at & 127) * 2}/31`,
  );
  await batch(destinations.flatMap((destination) => [
    `route add ${destination} dev vxlan100 proto 142`,
    `route add unreachable ${destination} table 142 proto 142 metric 142 window 7`,
  ]));
  await using node = openUninstall(collectAuditLog());
  const found = await find(node);
  assert.deepEqual([found.routes.length, found.entries], [MANY, MANY]);
  assert.deepEqual(await node.take(found), { ok: true, value: undefined });
  assert.deepEqual(await everything(), before);
});
