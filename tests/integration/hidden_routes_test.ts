import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { ip, makeGround, routesTo } from "../support/fixtures.ts";
import { type NodeUnderTest, openNodeUnderTest } from "./node_harness.ts";
import { partOf } from "../support/suite.ts";

const TO = "10.42.3.0/24";

/** Ways to keep a look-up from the route to TO in the main table. */
const HIDING: readonly (readonly [what: string, rules: readonly string[]])[] = [
  ["an unreachable rule", [`prio 101 to ${TO} unreachable`]],
  ["a blackhole rule", [`prio 101 to ${TO} blackhole`]],
  ["a prohibit rule", [`prio 101 to ${TO} prohibit`]],
  ["an unreachable rule for all", ["prio 101 unreachable"]],
  ["a jump past the main table", [`prio 101 to ${TO} goto 32767`]],
  ["a table in front", [`prio 101 to ${TO} lookup 77`]],
  [
    "suppressed prefixes",
    ["prio 101 lookup main suppress_prefixlength 24", "prio 102 unreachable"],
  ],
];

interface Rules extends AsyncDisposable {
  add(): Promise<void>;
}

/** The rules, and in table 77 a route that is better than the main table's. */
function rulesOf(rules: readonly string[]): Rules {
  return {
    add: async () => {
      await ip(`route add ${TO} dev other table 77`);
      for (const rule of rules) await ip(`rule add ${rule}`);
    },
    [Symbol.asyncDispose]: async () => {
      for (const rule of rules) await ip(`rule del ${rule}`).catch(() => {});
    },
  };
}

/** Waits until the first resync is over, because reads are shorter then. */
async function resynced(node: NodeUnderTest): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1200));
  node.mutations();
}

for (const [what, list] of partOf(HIDING, 1)) {
  Deno.test(`InjectRoute of an unchanged route writes nothing, and RemoveRoute removes it, behind ${what}`, async () => {
    await using _ground = await makeGround("vxlan100", "other");
    await using rules = rulesOf(list);
    await using node = await openNodeUnderTest();
    assert.equal(await node.inject(TO), "added");
    await resynced(node);
    await rules.add();
    // The event of it: without one there may be one write that comes to nothing.
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (let call = 0; call < 3; call += 1) {
      assert.equal(await node.inject(TO), "unchanged");
    }
    assert.deepEqual(node.mutations(), []);
    assert.equal(await node.remove(TO), "removed");
    assert.deepEqual(await routesTo(TO), []);
    assert.equal(await node.remove(TO), "absent");
    assert.equal(await node.inject(TO), "added");
    assert.equal(await node.inject(TO, "other"), "added");
    assert.match((await routesTo(TO)).join(), /^10\.42\.3\.0\/24 dev other proto 142 /);
  });

  Deno.test(`RemoveRoute removes a route that another process left, also one that looks like ours, behind ${what}`, async () => {
    await using _ground = await makeGround("vxlan100", "other");
    await using rules = rulesOf(list);
    await rules.add();
    await using node = await openNodeUnderTest();
    await resynced(node);
    for (const owner of ["proto static", "proto 142", "proto boot metric 50"]) {
      await ip(`route add ${TO} dev vxlan100 ${owner}`);
      assert.equal(await node.remove(TO), "removed", owner);
      assert.deepEqual(await routesTo(TO), []);
    }
  });
}

Deno.test("InjectRoute needs one look-up again after a rule that hid the main table has gone", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  const [first = [""]] = HIDING.map(([, list]) => list);
  await using rules = rulesOf(first);
  await using node = await openNodeUnderTest();
  await rules.add();
  await resynced(node);
  await ip(`rule del ${first[0]}`);
  await resynced(node);
  assert.equal(await node.inject(TO), "added");
  assert.equal(await node.inject(TO), "unchanged");
  assert.equal(await node.remove(TO), "removed");
});

Deno.test("InjectRoute of a route that another process has added already answers unchanged, not added", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using node = await openNodeUnderTest();
  await ip(`route add ${TO} dev vxlan100 proto 142`);
  // It equals ours, and no client has requested it yet.
  assert.equal(await node.inject(TO), "unchanged");
  await until(() => node.mutations().every((words) => !words.startsWith("route add")), {
    what: "no addition",
  });
});
