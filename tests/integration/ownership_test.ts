import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { batch, ip, makeGround, routesTo } from "../support/fixtures.ts";
import { openNodeUnderTest } from "./node_harness.ts";
import { bounded } from "../support/suite.ts";

const TO = "10.42.2.0/24";
const OURS = [`${TO} dev vxlan100 proto 142 scope link`];

/** What may stand for the destination before InjectRoute, line by line for `ip`. */
const LEFT_BEHIND: readonly (readonly [what: string, lines: readonly string[]])[] = [
  ["through another device", [`route add ${TO} dev other`]],
  ["proto static", [`route add ${TO} dev other proto static`]],
  ["proto bgp", [`route add ${TO} dev other proto 186`]],
  ["ours, through another device", [`route add ${TO} dev other proto 142`]],
  ["ours, with a metric", [`route add ${TO} dev vxlan100 proto 142 metric 50`]],
  ["with a metric", [`route add ${TO} dev other proto static metric 100`]],
  ["with three metrics", [
    `route add ${TO} dev other proto static metric 100`,
    `route add ${TO} dev other proto static metric 200`,
    `route add ${TO} dev vxlan100 proto boot metric 300`,
  ]],
  ["with metric 0 and others", [
    `route add ${TO} dev other`,
    `route add ${TO} dev vxlan100 proto static metric 7`,
  ]],
  ["appended twice with metric 0", [
    `route add ${TO} dev other proto static`,
    `route append ${TO} dev vxlan100 proto boot`,
    `route append ${TO} dev other proto boot`,
  ]],
  ["with a TOS beside another", [
    `route add ${TO} tos 0x10 dev other proto static`,
    `route add ${TO} dev other proto static`,
  ]],
  ["through a gateway", [`route add ${TO} via 192.0.2.77 dev other onlink`]],
  ["through a gateway behind the right device", [
    `route add ${TO} via 192.0.2.77 dev vxlan100 onlink proto 142`,
  ]],
  ["ours beside a route of ours through a gateway", [
    `route add ${TO} dev other proto 142`,
    `route append ${TO} via 192.0.2.77 dev vxlan100 onlink proto 142`,
  ]],
  ["multipath", [`route add ${TO} nexthop dev other nexthop dev vxlan100 weight 2`]],
  ["multipath over gateways", [
    `route add ${TO} nexthop via 192.0.2.7 dev other onlink nexthop via 192.0.2.8 dev vxlan100 onlink`,
  ]],
  ["through a nexthop object", [
    "nexthop replace id 7 dev other",
    `route add ${TO} nhid 7 proto static`,
  ]],
  ["ours, through a nexthop object of the right device", [
    "nexthop replace id 8 dev vxlan100",
    `route add ${TO} nhid 8 proto 142`,
  ]],
  ["ours beside a route of ours through a nexthop object", [
    "nexthop replace id 9 dev vxlan100",
    `route add ${TO} dev other proto 142`,
    `route append ${TO} nhid 9 proto 142`,
  ]],
  ["unreachable", [`route add unreachable ${TO} proto static`]],
  ["blackhole", [`route add blackhole ${TO}`]],
  ["prohibit", [`route add prohibit ${TO} metric 9`]],
  ["throw", [`route add throw ${TO}`]],
];

/** Routes that may exist beside it, must stay, and hide it from a plain look-up. */
const BESIDE: readonly (readonly [what: string, lines: readonly string[]])[] = [
  ["nothing", []],
  ["a more specific and a wider prefix", [
    "route add 10.42.2.0/25 dev other proto static",
    "route add 10.42.2.0/32 dev other proto static",
    "route add 10.42.0.0/16 dev other",
  ]],
  ["a policy rule for another table", [
    `route add ${TO} dev other table 77`,
    "rule add to 10.42.0.0/16 table 77 priority 100",
  ]],
  ["a policy rule that refuses", [
    "rule add to 10.42.0.0/16 prohibit priority 100",
  ]],
];

async function everything(): Promise<readonly string[]> {
  const routes = await ip("-4 route show table all");
  return [routes, await ip("rule show")].join("\n").split("\n");
}

/** All lines but those about the destination in the main table and our record. */
async function foreign(): Promise<readonly string[]> {
  const lines = await everything();
  return lines.filter((line) =>
    !/\btable 142\b/.test(line) &&
    (!line.includes(`${TO} `) || line.includes("table")) &&
    !/^\s+nexthop/.test(line)
  );
}

// The last ones hide it from a plain look-up.
for (const [besides, beside] of bounded(BESIDE, BESIDE.slice(-1))) {
  Deno.test(`InjectRoute replaces a left-over route beside ${besides}, and changes nothing else`, async (test) => {
    for (const [what, lines] of LEFT_BEHIND) {
      await test.step(`a route ${what}`, async () => {
        await using _ground = await makeGround("vxlan100", "other");
        await using _rules = { [Symbol.asyncDispose]: dropRules };
        await batch(beside);
        const before = await foreign();
        await batch(lines);
        await using peer = await openNodeUnderTest();
        // The sidecar restores a route of ours, and may repair it before this call.
        assert.match(await peer.inject(TO), /^(added|unchanged)$/);
        assert.deepEqual((await routesTo(TO)).map((line) => line.trim()), OURS);
        assert.deepEqual(await foreign(), before);
        peer.mutations();
        assert.equal(await peer.inject(TO), "unchanged");
        assert.deepEqual(peer.mutations(), []);
        assert.equal(await peer.remove(TO), "removed");
        assert.deepEqual(await routesTo(TO), []);
        assert.deepEqual(await foreign(), before);
      });
    }
  });
}

Deno.test("InjectRoute replaces a left-over route that appears while the node runs", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using peer = await openNodeUnderTest();
  const before = await foreign();
  for (const [what, lines] of LEFT_BEHIND) {
    await batch(lines);
    assert.match(await peer.inject(TO), /^(added|unchanged)$/, what);
    // An event of a moment ago may still be on its way to the node.
    await until(async () => (await routesTo(TO)).join() === OURS.join(), {
      what: `one route of ours, and none ${what}`,
    });
    await peer.remove(TO);
    await until(async () => (await routesTo(TO)).length === 0, {
      what: `no route ${what}`,
    });
    assert.deepEqual(await foreign(), before);
  }
});

async function dropRules(): Promise<void> {
  const rules = await ip("rule show");
  if (/^100:/m.test(rules)) await ip("rule del priority 100");
}

const REMOVABLE = LEFT_BEHIND.filter(([what]) => what !== "proto bgp");

Deno.test("RemoveRoute removes a route that was added by hand or by another runtime", async (test) => {
  for (const [what, lines] of REMOVABLE) {
    await test.step(`a route ${what}`, async () => {
      await using _ground = await makeGround("vxlan100", "other");
      const before = await everything();
      await batch(lines);
      await using peer = await openNodeUnderTest();
      assert.equal(await peer.remove(TO), "removed");
      assert.deepEqual(await everything(), before);
      assert.equal(await peer.remove(TO), "absent");
    });
  }
});

Deno.test("RemoveRoute removes a route that was added by hand while the node runs", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using peer = await openNodeUnderTest();
  const before = await everything();
  for (const [at, [what, lines]] of REMOVABLE.entries()) {
    await batch(lines);
    // Events come in order: once a later one was answered, the node knows of these.
    const mark = `10.42.${at + 100}.0/24`;
    assert.equal(await peer.inject(mark), "added");
    await ip(`route del ${mark}`);
    await until(async () => (await routesTo(mark)).length > 0, { what: "a repair" });
    assert.equal(await peer.remove(TO), "removed", what);
    assert.equal(await peer.remove(mark), "removed");
    assert.deepEqual(await everything(), before, what);
  }
});

for (const metric of ["", " metric 77"]) {
  const connected = `route add ${TO} dev other proto kernel scope link${metric}`;

  Deno.test(`InjectRoute and RemoveRoute leave a proto kernel route${metric} alone`, async () => {
    await using _ground = await makeGround("vxlan100", "other");
    await using peer = await openNodeUnderTest();
    await batch([connected]);
    const before = await everything();
    const refusal = `${TO} is directly connected on other; refusing to replace it`;
    assert.equal(await peer.inject(TO), refusal);
    assert.deepEqual(await everything(), before);
    assert.equal(await peer.remove(TO), "absent");
    assert.deepEqual(await everything(), before);
    assert.deepEqual(peer.mutations(), []);
  });

  Deno.test(`RemoveRoute removes our route and leaves a proto kernel route${metric}`, async () => {
    await using _ground = await makeGround("vxlan100", "other");
    await using peer = await openNodeUnderTest();
    await batch([connected]);
    const before = await everything();
    await batch([`route add ${TO} dev vxlan100 proto 142 metric 5`]);
    assert.equal(await peer.remove(TO), "removed");
    assert.deepEqual(await everything(), before);
  });
}

Deno.test("RemoveRoute leaves a route of another routing daemon, and removes ours behind it", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using peer = await openNodeUnderTest();
  await batch([`route add ${TO} dev other proto 186`]);
  const before = await everything();
  assert.equal(await peer.remove(TO), "absent");
  assert.deepEqual(await everything(), before);
  await batch([`route add ${TO} dev vxlan100 proto 142 metric 20`]);
  assert.equal(await peer.remove(TO), "removed");
  assert.deepEqual(await everything(), before);
});

Deno.test("ConfigureNodeSubnet removes our own route to the subnet, and no other one", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using peer = await openNodeUnderTest();
  await batch([`route add ${TO} dev other proto static`]);
  const before = await foreign();
  await batch([`route add ${TO} dev vxlan100 proto 142 metric 5`]);
  assert.equal(await peer.configure(TO), "configured");
  assert.deepEqual(await routesTo(TO), [`${TO} dev other proto static scope link`]);
  assert.deepEqual(await foreign(), before);
});

Deno.test("InjectRoute and RemoveRoute leave foreign routes in table 142 alone, also for the same destination", async () => {
  await using _ground = await makeGround("vxlan100");
  const theirs = [TO, "10.42.3.0/24"].flatMap((to) => [
    `route add blackhole ${to} table 142 proto static`,
    `route add unreachable ${to} table 142 proto 142 metric 7`,
    `route add throw ${to} table 142 proto 142 metric 8`,
  ]);
  await batch(theirs);
  const before = await ip("route show table 142");
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.configure("10.42.3.0/24"), "configured");
  assert.equal(await peer.inject(TO), "added");
  assert.equal(await peer.configure("10.42.4.0/24"), "configured");
  assert.equal(await peer.remove(TO), "removed");
  const after = await ip("route show table 142");
  const subnet = after.split("\n").filter((line) => !before.includes(line));
  assert.match(subnet.join(), /^blackhole 10\.42\.4\.0\/24 proto 142 metric 142 /);
  const left = after.split("\n").filter((line) => before.includes(line));
  assert.equal(left.join("\n"), before);
});
