import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { until } from "../support/wait.ts";
import { ip, makeGround, routesTo } from "../support/fixtures.ts";
import { openNodeUnderTest } from "./node_harness.ts";
import { installOddIp } from "./odd_ip.ts";
import { bounded, partOf } from "../support/suite.ts";

const TO = "10.42.21.0/24";

/** Writes to the main table, without the records in table 142. */
function attempts(commands: readonly string[]): readonly string[] {
  return commands.filter((line) => / (add|replace) 10\./.test(line));
}

const REASONS = [
  "RTNETLINK answers: No such device",
  "the moon is down",
  "RTNETLINK answers: Network is down",
  "Error: Device for nexthop is not up.",
  "RTNETLINK answers: File exists",
  "RTNETLINK answers: No buffer space available",
];

for (const reason of partOf(REASONS, 1)) {
  Deno.test(`InjectRoute takes "${reason}" for the kernel's answer, and not for a race, when it repeats`, async () => {
    await using _ground = await makeGround("vxlan100");
    using odd = installOddIp();
    await using node = await openNodeUnderTest();
    odd.obey([{ on: "^route (add|replace) 10\\.", does: "fail", text: reason }]);
    const answer = await node.inject(TO);
    assert.equal(answer, `The kernel refused ${TO}: ${reason}`);
    assert.ok(attempts(node.mutations()).length <= 4);
    await pause(1500);
    assert.deepEqual(attempts(node.mutations()), []);
    odd.obey([]);
    assert.equal(await node.inject(TO), "added");
  });

  Deno.test(`a repair that fails with "${reason}" logs it once and waits for the next resync`, async () => {
    await using _ground = await makeGround("vxlan100");
    using odd = installOddIp();
    await using node = await openNodeUnderTest({ resyncMs: 3000 });
    assert.equal(await node.inject(TO), "added");
    odd.obey([{ on: "^route (add|replace) 10\\.", does: "fail", text: reason }]);
    node.mutations();
    await ip(`route del ${TO}`);
    const words = `The kernel refused ${TO}: ${reason}`;
    await until(() => node.log.some((line) => line.includes(words)), { what: words });
    await pause(2000);
    const tried = attempts(node.mutations()).length;
    assert.ok(tried <= 8, `${tried} writes`);
    assert.equal(node.log.filter((line) => line.includes(words)).length, 1);
    odd.obey([]);
    await until(async () => (await routesTo(TO)).length === 1, { what: "the route" });
  });
}

Deno.test("RemoveRoute answers with the kernel's sentence when the kernel keeps refusing the deletion", async () => {
  await using _ground = await makeGround("vxlan100");
  using odd = installOddIp();
  await using node = await openNodeUnderTest();
  assert.equal(await node.inject(TO), "added");
  const text = "RTNETLINK answers: No such process";
  odd.obey([{ on: "^route del 10\\.", does: "fail", text }]);
  node.mutations();
  assert.equal(await node.remove(TO), `The kernel refused ${TO}: ${text}`);
  const tried = node.mutations().filter((line) => line.startsWith("route del 10."));
  assert.ok(tried.length <= 5, tried.join("\n"));
  odd.obey([]);
  assert.equal(await node.remove(TO), "removed");
});

for (const mtu of partOf([67, 60], 1)) {
  Deno.test(`InjectRoute through a device that is up with an MTU of ${mtu} answers that it has no IPv4, and the route follows when it has`, async () => {
    await using _ground = await makeGround("vxlan100");
    await ip("link add name tiny type ifb");
    await using _tiny = {
      [Symbol.asyncDispose]: async () => void await ip("link delete tiny"),
    };
    await ip("link set tiny up");
    await ip(`link set tiny mtu ${mtu}`);
    await using node = await openNodeUnderTest({ resyncMs: 1000 });
    const answer = await node.inject(TO, "tiny");
    assert.match(answer, /^The kernel refuses routes through 'tiny': No such device/);
    assert.match(answer, /ip link set dev tiny mtu \d+$/);
    await pause(bounded(2_500, 1_200));
    assert.deepEqual(attempts(node.mutations()), []);
    await ip("link set tiny mtu 1500");
    await until(async () => (await routesTo(TO)).length === 1, { what: "the route" });
    // And back: Linux 6.18 leaves the route there, which carries nothing.
    await ip(`link set tiny mtu ${mtu}`);
    await pause(bounded(2_500, 1_200));
    assert.ok(attempts(node.mutations()).length <= 2);
    const logged = node.log.filter((line) => line.includes("No such device"));
    assert.equal(logged.length, 1, node.log.join("\n"));
    await ip("link set tiny mtu 1500");
    await until(async () => (await routesTo(TO)).length === 1, { what: "it again" });
  });
}
