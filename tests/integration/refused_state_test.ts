import assert from "node:assert/strict";
import { batch, cidr, makeGround, routesTo } from "../support/fixtures.ts";
import { openRoutes, peers } from "./routes_harness.ts";

// Where the same entry stands behind somebody else's of the same metric, the kernel
// refuses to write it: "File exists". `ip -force` goes on to the route.

const TO = "10.42.2.0/24";
const REFUSAL = `The kernel refused ${TO}: RTNETLINK answers: File exists`;
const ENTRY = `unreachable ${TO} table 142 proto 142 metric 142 window 1987603553`;

/** Lets the kernel refuse the entries of routes through vxlan100 and vxlan200. */
async function refuseMemory(): Promise<void> {
  await batch([
    `route add blackhole ${TO} table 142 proto static metric 142`,
    `route append ${ENTRY} ssthresh 1848717360`,
    `route append ${ENTRY} ssthresh 1848782896`,
  ]);
}

Deno.test("InjectRoute that cannot be remembered leaves no route", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = openRoutes();
  await refuseMemory();
  const outcome = await peer.inject(TO);
  assert.equal(outcome.kind === "refused" && outcome.sentence, REFUSAL);
  assert.deepEqual(await routesTo(TO), []);
  assert.deepEqual(peer.desired.routes(), []);
});

Deno.test("SyncRoutes leaves no route that cannot be remembered", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = openRoutes();
  await refuseMemory();
  assert.deepEqual(await peer.sync(peers(2, 2)), [
    `refused ${TO}: ${REFUSAL}`,
    "added 10.42.3.0/24",
  ]);
  assert.deepEqual(await routesTo(TO), []);
});

Deno.test("InjectRoute through another device that cannot be remembered leaves no route through it", async () => {
  await using _ground = await makeGround("vxlan100", "vxlan200");
  await using peer = openRoutes();
  assert.equal((await peer.inject(TO)).kind, "added");
  await batch([`route del unreachable ${TO} table 142`]);
  await refuseMemory();
  const outcome = await peer.inject(TO, "vxlan200");
  assert.equal(outcome.kind === "refused" && outcome.sentence, REFUSAL);
  // The wish for the first device stays, and the repair that sees the deletion fulfils it.
  assert.deepEqual(await routesTo(TO), []);
  assert.equal(peer.desired.routes()[0]?.route.device, "vxlan100");
});

Deno.test("what is wanted already stays, though it cannot be remembered again", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = openRoutes();
  assert.equal((await peer.inject(TO)).kind, "added");
  await batch([`route del unreachable ${TO} table 142`, `route del ${TO}`]);
  peer.desired.markNotPersisted(cidr(TO));
  await refuseMemory();
  const outcome = await peer.inject(TO);
  assert.equal(outcome.kind === "refused" && outcome.sentence, REFUSAL);
  assert.deepEqual(await routesTo(TO), [`${TO} dev vxlan100 proto 142 scope link`]);
});
