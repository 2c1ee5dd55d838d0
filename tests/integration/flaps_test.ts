/** When a device has come and gone again and again, the log ends with what is true. */
import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { ip, makeGround, routesTo } from "../support/fixtures.ts";
import { type NodeUnderTest, openNodeUnderTest } from "./node_harness.ts";

const TO = "10.42.2.0/24";
const STEADY = "info: Links are stable again: vxlan100";

async function set(state: "up" | "down"): Promise<void> {
  await ip(`link set vxlan100 ${state}`);
  const count = state === "up" ? 1 : 0;
  await until(async () => (await routesTo(TO)).length === count, {
    what: `the route with the link ${state}`,
  });
}

/** Lets the node see each half of each flap. */
async function flap({ node }: NodeUnderTest, times: number): Promise<void> {
  const isPending = async () => (await node.routes.list())[0]?.pending !== "";
  for (let time = 0; time < times; time += 1) {
    await set("down");
    await until(isPending, { what: "the node to see it down" });
    await set("up");
    await until(async () => !(await isPending()), { what: "the node to see it up" });
  }
}

for (const times of [1, 2, 3]) {
  Deno.test(`the log's last line about a route says that it is back, after ${times} ${times === 1 ? "flap" : "flaps"} of its device`, async () => {
    await using _ground = await makeGround("vxlan100");
    await using peer = await openNodeUnderTest();
    assert.equal(await peer.inject(TO), "added");
    await flap(peer, times);
    if (times > 1) {
      await until(() => peer.log.includes(STEADY), { what: "the end of the flap" });
    }
    assert.equal(
      peer.log.at(-1),
      `info: Installed 1 pending route via vxlan100: ${TO}`,
      peer.log.join("\n"),
    );
  });
}

Deno.test("the log's last line about a route says that it waits, after flaps that end with its device down", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.inject(TO), "added");
  assert.equal(await peer.inject("10.42.3.0/24"), "added");
  await flap(peer, 3);
  await set("down");
  // The log does not mention a route that is no longer desired.
  assert.equal(await peer.remove("10.42.3.0/24"), "removed");
  await until(() => peer.log.includes(STEADY), { what: "the end of the flap" });
  assert.equal(
    peer.log.at(-1),
    `warn: 1 route is pending (Interface 'vxlan100' is down): ${TO}`,
  );
});
