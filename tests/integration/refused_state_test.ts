import assert from "node:assert/strict";
import { batch, cidr, makeGround, routesTo } from "../support/fixtures.ts";
import { openRoutes, peers } from "./routes_harness.ts";

// Where the same entry follows a foreign one of the same metric, the kernel refuses
// to write it: "File exists". `ip -force` goes on to the route.

const TO = "10.42.2.0/24";
const REFUSAL = `The kernel refused ${TO}: RTNETLINK answers: File exists`;
const ENTRY = `unreachable ${TO} table 142 proto 142 metric 142 window 1987603553`;

/** Lets the kernel refuse the entries of routes through vxlan100 and vxlan200. */
async function refuseRecords(): Promise<void> {
  await batch([
    `route add blackhole ${TO} table 142 proto static metric 142`,
    `route append ${ENTRY} ssthresh 1848717360`,
    `route append ${ENTRY} ssthresh 1848782896`,
  ]);
}

Deno.test("InjectRoute leaves no route if its record cannot be written", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = openRoutes();
  await refuseRecords();
  const outcome = await peer.inject(TO);
  assert.equal(outcome.kind === "refused" && outcome.sentence, REFUSAL);
  assert.deepEqual(await routesTo(TO), []);
  assert.deepEqual(peer.desired.routes(), []);
});

Deno.test("SyncRoutes leaves no route whose record cannot be written", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = openRoutes();
  await refuseRecords();
  assert.deepEqual(await peer.sync(peers(2, 2)), [
    `refused ${TO}: ${REFUSAL}`,
    "added 10.42.3.0/24",
  ]);
  assert.deepEqual(await routesTo(TO), []);
});

Deno.test("InjectRoute through another device leaves no route through it if the record cannot be written", async () => {
  await using _ground = await makeGround("vxlan100", "vxlan200");
  await using peer = openRoutes();
  assert.equal((await peer.inject(TO)).kind, "added");
  await batch([`route del unreachable ${TO} table 142`]);
  await refuseRecords();
  const outcome = await peer.inject(TO, "vxlan200");
  assert.equal(outcome.kind === "refused" && outcome.sentence, REFUSAL);
  // The first device stays desired; drift repair, not open here, adds its route again.
  assert.deepEqual(await routesTo(TO), []);
  assert.equal(peer.desired.routes()[0]?.route.device, "vxlan100");
});

Deno.test("InjectRoute keeps a desired route although its record cannot be written again", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = openRoutes();
  assert.equal((await peer.inject(TO)).kind, "added");
  await batch([`route del unreachable ${TO} table 142`, `route del ${TO}`]);
  peer.desired.markNotPersisted(cidr(TO));
  await refuseRecords();
  const outcome = await peer.inject(TO);
  assert.equal(outcome.kind === "refused" && outcome.sentence, REFUSAL);
  assert.deepEqual(await routesTo(TO), [`${TO} dev vxlan100 proto 142 scope link`]);
});
