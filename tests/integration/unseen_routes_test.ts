import assert from "node:assert/strict";
import { batch, cidr, device, ip, makeGround, routesTo } from "../support/fixtures.ts";
import { openRoutes, type RoutesUnderTest } from "./routes_harness.ts";

// What one FIB look-up goes past. Without the reconciler only the kernel cache tells
// that something is there.

const TO = "10.42.2.0/24";

const UNSEEN: readonly (readonly [what: string, line: string])[] = [
  ["a TOS", `route add ${TO} dev other tos 0x10 proto static`],
  ["the type throw", `route add throw ${TO} proto static`],
  ["a device without carrier", `route add ${TO} dev port proto static`],
];

/** One end of a pair whose other end is down: routes through it are dead. */
async function addDeadPort(): Promise<AsyncDisposable> {
  await batch([
    "link add port type veth peer name far",
    "link set port up",
  ]);
  const sysctl = "/proc/sys/net/ipv4/conf/port/ignore_routes_with_linkdown";
  await Deno.writeTextFile(sysctl, "1");
  return { [Symbol.asyncDispose]: async () => void await ip("link delete port") };
}

async function removes(peer: RoutesUnderTest, installed: boolean): Promise<void> {
  const to = cidr(TO);
  assert.equal((await peer.remove(TO)).kind, "removed");
  assert.deepEqual(await routesTo(TO), []);
  assert.equal(peer.mutations().length, installed ? 3 : 1);
  const { occupied } = peer.cache.known({ destination: to, device: device("other") });
  assert.ok(!occupied, "the next read is a look-up again");
  assert.equal((await peer.remove(TO)).kind, "absent");
}

for (const [what, line] of UNSEEN) {
  Deno.test(`RemoveRoute removes a route with ${what} that an event announced`, async () => {
    await using _ground = await makeGround("vxlan100", "other");
    await using _port = await addDeadPort();
    await using peer = openRoutes();
    await ip(line);
    peer.cache.markOccupied(cidr(TO));
    await removes(peer, false);
  });

  Deno.test(`RemoveRoute removes a route with ${what} before the first resync`, async () => {
    await using _ground = await makeGround("vxlan100", "other");
    await using _port = await addDeadPort();
    await using peer = openRoutes({ resynced: false });
    await ip(line);
    await removes(peer, false);
  });

  Deno.test(`RemoveRoute removes our route and one with ${what} beside it`, async () => {
    await using _ground = await makeGround("vxlan100", "other");
    await using _port = await addDeadPort();
    await using peer = openRoutes();
    assert.equal((await peer.inject(TO)).kind, "added");
    await ip(line.replace("route add", "route append"));
    peer.cache.markOccupied(cidr(TO));
    peer.mutations();
    await removes(peer, true);
  });
}

Deno.test("the kernel cache keeps what an event announced while InjectRoute ran", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  let announced = false;
  await using peer = openRoutes({
    behind: (dataplane) => ({
      run: async (operations) => {
        const reply = await dataplane.run(operations);
        if (announced) peer.cache.markOccupied(cidr(TO));
        return reply;
      },
      drainAuditLog: () => dataplane.drainAuditLog(),
      dump: (reads) => dataplane.dump(reads),
      watch: () => ({ close: () => {} }),
      watchDataPath: () => ({ close: () => {} }),
      close: () => dataplane.close(),
      abort: () => dataplane.abort(),
    }),
  });
  assert.equal((await peer.inject(TO)).kind, "added");
  await ip(`route append ${TO} dev other tos 0x10 proto static`);
  announced = true;
  assert.equal((await peer.inject(TO)).kind, "unchanged");
  announced = false;
  assert.equal((await peer.inject(TO)).kind, "added");
  assert.deepEqual(await routesTo(TO), [`${TO} dev vxlan100 proto 142 scope link`]);
});

Deno.test("RemoveRoute dumps the table again where a foreign route stays", async () => {
  await using _ground = await makeGround("vxlan100", "other");
  await using peer = openRoutes();
  await ip(`route add ${TO} dev other proto 186`);
  peer.cache.markOccupied(cidr(TO));
  assert.equal((await peer.remove(TO)).kind, "absent");
  await ip(UNSEEN[0]?.[1] ?? "");
  assert.equal((await peer.remove(TO)).kind, "removed");
  assert.deepEqual(await routesTo(TO), [`${TO} dev other proto bgp scope link`]);
});
