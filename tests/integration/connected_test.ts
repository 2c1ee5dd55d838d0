import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { batch, cidr, ip, makeGround, routesTo } from "../support/fixtures.ts";
import { openNodeUnderTest } from "./node_harness.ts";
import { openRoutes } from "./routes_harness.ts";

// The kernel puts the route of a new address behind one that is there: ours would carry
// what is meant for this node's own containers.

const TO = "10.42.5.0/24";
const OURS = [`${TO} dev vxlan100 proto 142 scope link`];
const CONNECTED = [`${TO} dev quilt0 proto kernel scope link src 10.42.5.1`];
const REFUSAL = `${TO} is directly connected on quilt0; refusing to replace it`;

async function addBridge(): Promise<AsyncDisposable> {
  await batch(["link add quilt0 type bridge", "link set quilt0 up"]);
  return { [Symbol.asyncDispose]: async () => void await ip("link delete quilt0") };
}

Deno.test("the sidecar withdraws a route when an address makes it directly connected, and adds it again when the address goes", async () => {
  await using _ground = await makeGround("vxlan100");
  await using _bridge = await addBridge();
  await using peer = await openNodeUnderTest();
  const pendingReasons = async () =>
    (await peer.node.routes.list()).map(({ pending }) => pending);
  const shows = (lines: readonly string[]) =>
    until(async () => (await routesTo(TO)).join() === lines.join(), {
      what: lines.join(),
    });
  assert.equal(await peer.inject(TO), "added");
  peer.mutations();
  await ip("address add 10.42.5.1/24 dev quilt0");
  await shows(CONNECTED);
  await until(async () => (await pendingReasons()).join() === REFUSAL, {
    what: REFUSAL,
  });
  assert.deepEqual(peer.mutations(), [
    `route del ${TO} dev vxlan100 proto 142 metric 0`,
  ]);
  const logged =
    `warn: Withdrew 1 route, because it is directly connected on quilt0: ${TO}`;
  await until(() => peer.log.includes(logged), { what: logged });
  assert.equal(await peer.inject(TO), REFUSAL);
  assert.deepEqual(await routesTo(TO), CONNECTED);
  await ip("address delete 10.42.5.1/24 dev quilt0");
  await shows(OURS);
  await until(async () => (await pendingReasons()).join() === "", {
    what: "installed",
  });
});

Deno.test("InjectRoute that is refused because of an address leaves no route of ours in front of the connected one", async () => {
  await using _ground = await makeGround("vxlan100");
  await using _bridge = await addBridge();
  // Without drift repair nothing else removes it.
  await using peer = openRoutes();
  assert.equal((await peer.inject(TO)).kind, "added");
  await batch([
    `route append ${TO} dev vxlan100 proto 142 metric 7`,
    `route append ${TO} dev vxlan100 proto 142 tos 0x10`,
    `route append ${TO} dev vxlan100 proto static metric 9`,
    "address add 10.42.5.1/24 dev quilt0",
  ]);
  peer.cache.markOccupied(cidr(TO));
  const refused = await peer.inject(TO);
  assert.equal(refused.kind === "refused" && refused.sentence, REFUSAL);
  assert.deepEqual(await routesTo(TO), [
    ...CONNECTED,
    `${TO} dev vxlan100 proto static scope link metric 9`,
  ]);
});

Deno.test("SyncRoutes as a dry run leaves our route in front of a connected one", async () => {
  await using _ground = await makeGround("vxlan100");
  await using _bridge = await addBridge();
  await using peer = openRoutes();
  assert.equal((await peer.inject(TO)).kind, "added");
  await ip("address add 10.42.5.1/24 dev quilt0");
  peer.cache.markOccupied(cidr(TO));
  const stated = [{ destination: TO, device: "vxlan100" }];
  assert.deepEqual(await peer.sync(stated, true), [`refused ${TO}: ${REFUSAL}`]);
  assert.deepEqual(await routesTo(TO), [...OURS, ...CONNECTED]);
  assert.deepEqual(await peer.sync(stated), [`refused ${TO}: ${REFUSAL}`]);
  assert.deepEqual(await routesTo(TO), CONNECTED);
});
