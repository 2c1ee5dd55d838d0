/** A repair that replaces a foreign route logs its protocol. */
import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { batch, ip, makeGround, routesTo } from "../support/fixtures.ts";
import { type NodeUnderTest, openNodeUnderTest } from "./node_harness.ts";

const TO = "10.42.2.0/24";
const OURS = [`${TO} dev vxlan100 proto 142 scope link`];

/** Waits until our route is the only one, and the log has a line about it. */
async function isRepaired({ log }: NodeUnderTest, known: number): Promise<void> {
  await until(
    async () => log.length > known && (await routesTo(TO)).join() === OURS.join(),
    { what: () => `our route alone: ${log.join("\n")}` },
  );
}

const CASES: readonly (readonly [what: string, line: string, named: string])[] = [
  [
    "with another metric",
    `route add ${TO} dev other proto static metric 100`,
    "dev other proto 4 metric 100",
  ],
  [
    "with a TOS",
    `route add ${TO} tos 0x10 dev other proto 186`,
    "dev other proto 186 metric 0 tos 0x10",
  ],
  [
    "appended behind ours",
    `route append ${TO} dev other proto boot`,
    "dev other proto 3 metric 0",
  ],
  [
    "in the place of ours",
    `route replace ${TO} dev other proto static`,
    "dev other proto 4 metric 0",
  ],
  ["without a device", `route replace blackhole ${TO}`, "proto 3 metric 0"],
];

for (const [what, line, named] of CASES) {
  Deno.test(`a repair logs the protocol and the device of a route ${what} that it replaces`, async () => {
    await using _ground = await makeGround("vxlan100", "other");
    await using peer = await openNodeUnderTest();
    assert.equal(await peer.inject(TO), "added");
    await ip(line);
    await isRepaired(peer, 1);
    assert.deepEqual(peer.log.slice(1), [
      `warn: Replaced 1 route ${named} with ours dev vxlan100: ${TO}`,
    ]);
  });
}

Deno.test("a repair logs a route that was added while ours waited for its device", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.inject(TO), "added");
  await ip("link set vxlan100 down");
  await until(() => peer.log.some((line) => line.includes("1 route is pending")), {
    what: "ours to wait",
  });
  const known = peer.log.length;
  await ip(`route add ${TO} dev other proto static metric 7`);
  await ip("link set vxlan100 up");
  await isRepaired(peer, known);
  assert.deepEqual(peer.log.slice(known), [
    `warn: Replaced 1 route dev other proto 4 metric 7 with ours dev vxlan100: ${TO}`,
    `info: Installed 1 pending route via vxlan100: ${TO}`,
  ]);
});

Deno.test("restore logs the routes that it replaces, many routes of a kind in one line", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  const all = Array.from({ length: 6 }, (_, at) => `10.42.${at + 2}.0/24`);
  {
    await using peer = await openNodeUnderTest();
    for (const to of all) assert.equal(await peer.inject(to), "added");
  }
  await batch(all.map((to) => `route replace ${to} dev other proto static`));
  await using peer = await openNodeUnderTest();
  assert.deepEqual(peer.log.slice(1), [
    "warn: Replaced 6 routes dev other proto 4 metric 0 with ours dev vxlan100: " +
    "10.42.2.0/24, 10.42.3.0/24, 10.42.4.0/24 and 3 more",
  ]);
  assert.deepEqual(await routesTo(TO), OURS);
});
