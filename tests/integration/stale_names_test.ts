import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { indexOf, ip, makeGround, routesTo } from "../support/fixtures.ts";
import { openNodeUnderTest } from "./node_harness.ts";
import { openRoutes } from "./routes_harness.ts";

// `ip` caches the index of every device name. Each test lets a long-lived `ip` look up
// vxlan100, and then changes which device has the name.

const TO_2 = "10.42.2.0/24";
const TO_3 = "10.42.3.0/24";
const THROUGH_VXLAN100 = ["10.42.3.0/24 dev vxlan100 proto 142 scope link"];

/** A desired route may be repaired before InjectRoute observes it. */
const PRESENT = /^(added|unchanged)$/;

/** Gives the name vxlan100 to another device; the first one stays, up, as `old`. */
async function swap(): Promise<void> {
  await ip("link set vxlan100 down");
  await ip("link set vxlan100 name old");
  await ip("link set old up");
  await ip("link set other down");
  await ip("link set other name vxlan100");
  await ip("link set vxlan100 up");
}

/** The index of the device that the kernel itself would send the packets through. */
async function indexTowards(address: string): Promise<number> {
  const answer = await ip(`-4 route get ${address}`);
  const through = / dev (\S+) /.exec(answer)?.[1] ?? "";
  return await indexOf(through);
}

Deno.test("InjectRoute uses a device that was deleted and created again", async () => {
  await using ground = await makeGround("vxlan100");
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.inject(TO_2), "added");
  for (let round = 0; round < 5; round += 1) {
    await ip("link delete vxlan100");
    await ground.addDevice("vxlan100");
    assert.match(await peer.inject(TO_3), PRESENT);
    assert.deepEqual(await routesTo(TO_3), THROUGH_VXLAN100);
  }
});

Deno.test("InjectRoute uses a device that was observed missing in between", async () => {
  await using ground = await makeGround("vxlan100");
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.inject(TO_3), "added");
  await ip("link delete vxlan100");
  assert.equal(await peer.inject(TO_3), "Interface 'vxlan100' not found");
  await ground.addDevice("vxlan100");
  await peer.inject(TO_3);
  assert.deepEqual(await routesTo(TO_3), THROUGH_VXLAN100);
});

Deno.test("InjectRoute never uses a device that was renamed", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.inject(TO_2), "added");
  await swap();
  assert.equal(await peer.inject(TO_3), "added");
  assert.deepEqual(await routesTo(TO_3), THROUGH_VXLAN100);
});

Deno.test("InjectRoute replaces a route that followed its renamed device", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await ip(`route add ${TO_3} dev vxlan100 proto 142`);
  // Reading what is there at its start, the node's `ip` meets the name vxlan100.
  await using peer = await openNodeUnderTest();
  await swap();
  await ip(`route replace ${TO_3} dev old proto 142`);
  assert.match(await peer.inject(TO_3), PRESENT);
  assert.deepEqual(await routesTo(TO_3), THROUGH_VXLAN100);
});

Deno.test("InjectRoute notices without an event that another device has the name", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  // Without the reconciler no event tells it.
  await using peer = openRoutes();
  assert.equal((await peer.inject(TO_2)).kind, "added");
  await swap();
  assert.equal((await peer.inject(TO_3)).kind, "added");
  assert.deepEqual(await routesTo(TO_3), THROUGH_VXLAN100);
  assert.equal((await peer.inject(TO_2)).kind, "added");
  assert.deepEqual(await routesTo(TO_2), [`${TO_2} dev vxlan100 proto 142 scope link`]);
});

Deno.test("RemoveRoute works although ip knows one name for two devices", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using peer = openRoutes();
  assert.equal((await peer.inject(TO_2)).kind, "added");
  await swap();
  await ip(`route add ${TO_3} dev vxlan100 proto static`);
  assert.equal((await peer.remove(TO_3)).kind, "removed");
  await ip(`route add ${TO_2} dev old proto 142`);
  assert.equal((await peer.remove(TO_2)).kind, "removed");
  assert.deepEqual(await routesTo(TO_2), []);
});

Deno.test("InjectRoute is right although the name moves between the read and the write", async () => {
  await using _ground = await makeGround("vxlan100", "other", "third");
  let swaps = 0;
  await using peer = openRoutes({
    behind: (dataplane) => ({
      run: async (operations) => {
        const writes = operations.some(({ command }) =>
          command.kind === "replace-route"
        );
        if (writes && swaps++ === 0) await swap();
        return await dataplane.run(operations);
      },
      drainAuditLog: () => dataplane.drainAuditLog(),
      dump: (reads) => dataplane.dump(reads),
      watch: () => ({ close: () => {} }),
      watchDataPath: () => ({ close: () => {} }),
      close: () => dataplane.close(),
      abort: () => dataplane.abort(),
    }),
  });
  await ip(`route add ${TO_3} dev third proto static`);
  assert.equal((await peer.inject(TO_3)).kind, "added");
  assert.equal(swaps, 2);
  assert.deepEqual(await routesTo(TO_3), THROUGH_VXLAN100);
});

Deno.test("InjectRoute replaces a route through the first of two devices that ip knows by one name", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using peer = openRoutes();
  assert.equal((await peer.inject(TO_2)).kind, "added");
  await swap();
  // A route that went down with its device and came back through it, under its new name.
  await ip(`route add ${TO_2} dev old proto 142`);
  // The removal prints a route through the second device: `ip` has both by one name.
  await ip(`route add ${TO_3} dev vxlan100 proto static`);
  assert.equal((await peer.remove(TO_3)).kind, "removed");
  assert.equal((await peer.inject(TO_2)).kind, "added");
  assert.deepEqual(await routesTo(TO_2), [`${TO_2} dev vxlan100 proto 142 scope link`]);
});

Deno.test("InjectRoute is right after a RemoveRoute alone has looked up the name", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await ip(`route add ${TO_2} dev vxlan100 proto static`);
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.remove(TO_2), "removed");
  await swap();
  assert.equal(await peer.inject(TO_3), "added");
  assert.deepEqual(await routesTo(TO_3), THROUGH_VXLAN100);
  assert.equal(await indexTowards("10.42.3.1"), await indexOf("vxlan100"));
});

Deno.test("InjectRoute reports a name missing after a rename", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.inject(TO_2), "added");
  await ip("link set vxlan100 down");
  await ip("link set vxlan100 name old");
  await ip("link set old up");
  assert.equal(await peer.inject(TO_3), "Interface 'vxlan100' not found");
  assert.deepEqual(await routesTo(TO_3), []);
  assert.equal(await peer.inject(TO_3, "old"), "added");
  assert.deepEqual(await routesTo(TO_3), [`${TO_3} dev old proto 142 scope link`]);
});

Deno.test("InjectRoute reports an altname missing, because routes are shown by another name", async () => {
  await using _ground = await makeGround("vxlan100");
  await ip("link property add dev vxlan100 altname overlay0");
  await using peer = openRoutes();
  const outcome = await peer.inject(TO_3, "overlay0");
  assert.equal(
    outcome.kind === "refused" && outcome.sentence,
    "Interface 'overlay0' not found",
  );
  assert.deepEqual(await routesTo(TO_3), []);
  assert.equal((await peer.inject(TO_3)).kind, "added");
  assert.equal((await peer.inject(TO_3)).kind, "unchanged");
});

Deno.test("InjectRoute by an altname is installed when a device takes that name", async () => {
  await using _ground = await makeGround("vxlan100");
  await ip("link property add dev vxlan100 altname overlay0");
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.inject(TO_3, "overlay0"), "Interface 'overlay0' not found");
  await ip("link property del dev vxlan100 altname overlay0");
  await ip("link set vxlan100 down");
  await ip("link set vxlan100 name overlay0");
  await ip("link set overlay0 up");
  await until(async () => (await routesTo(TO_3)).length > 0, { what: "the route" });
  assert.deepEqual(await routesTo(TO_3), [`${TO_3} dev overlay0 proto 142 scope link`]);
});

Deno.test("InjectRoute is right in the end although the name moves while it runs", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.inject(TO_2), "added");
  let swapped = false;
  const swapping = swap().then(() => swapped = true);
  while (!swapped) {
    await peer.inject(TO_3);
    await peer.inject(TO_2);
  }
  await swapping;
  await until(async () =>
    (await routesTo(TO_3)).join() === THROUGH_VXLAN100.join() &&
    (await routesTo(TO_2)).join() === `${TO_2} dev vxlan100 proto 142 scope link`, {
    what: "both routes through the vxlan100 of now",
  });
});
