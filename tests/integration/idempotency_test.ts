import assert from "node:assert/strict";
import { collectLines } from "../support/lines.ts";
import { until } from "../support/wait.ts";
import { batch, ip, makeGround, routesTo } from "../support/fixtures.ts";
import { openNodeUnderTest } from "./node_harness.ts";
import { openRoutes } from "./routes_harness.ts";

const TO = "10.42.2.0/24";
const OURS = [`${TO} dev vxlan100 proto 142 scope link`];

Deno.test("InjectRoute adds a route again that another process deleted", async () => {
  await using _ground = await makeGround("vxlan100");
  // Without the reconciler, which would be faster.
  await using peer = openRoutes();
  for (let round = 0; round < 3; round += 1) {
    assert.equal((await peer.inject(TO)).kind, "added");
    assert.deepEqual(await routesTo(TO), OURS);
    await ip(`route del ${TO}`);
  }
});

Deno.test("InjectRoute and RemoveRoute work although another process deleted the record", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.inject(TO), "added");
  await ip("route flush table 142");
  assert.equal(await peer.inject(TO), "unchanged");
  assert.equal(await peer.remove(TO), "removed");
  assert.deepEqual(await routesTo(TO), []);
});

Deno.test("InjectRoute of an unchanged route writes nothing to the kernel: ip monitor sees no event", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = await openNodeUnderTest();
  const peers = Array.from({ length: 200 }, (_, index) => `10.42.${index + 2}.0/24`);
  for (const to of peers) assert.equal(await peer.inject(to), "added");
  peer.mutations();
  const monitor = new Deno.Command("ip", {
    args: ["-o", "monitor", "route"],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const seen = collectLines(monitor.stdout);
  // The monitor is up once it has printed a route of the test's own.
  await until(async () => {
    await ip("route replace 198.51.100.0/24 dev vxlan100");
    return seen.lines.length > 0;
  }, { what: "the monitor to listen" });
  await ip("route replace 203.0.113.0/24 dev vxlan100");
  for (let round = 0; round < 3; round += 1) {
    const answers = await Promise.all(peers.map((to) => peer.inject(to)));
    assert.deepEqual(new Set(answers), new Set(["unchanged"]));
  }
  await batch(["route del 198.51.100.0/24", "route del 203.0.113.0/24"]);
  const last = /^Deleted 203\.0\.113\.0\/24/;
  await until(() => seen.lines.some((line) => last.test(line)), {
    what: "the monitor's last line",
  });
  monitor.kill("SIGTERM");
  await Promise.all([monitor.status, seen.ended]);
  assert.deepEqual(seen.lines.filter((line) => line.includes("10.42.")), []);
  assert.deepEqual(peer.mutations(), []);
});

Deno.test("RemoveRoute of an absent route succeeds and writes nothing", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.remove(TO), "absent");
  assert.deepEqual(peer.mutations(), []);
});

Deno.test("RemoveRoute of a route that another process deleted succeeds and deletes its record", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = openRoutes();
  assert.equal((await peer.inject(TO)).kind, "added");
  await ip(`route del ${TO}`);
  // RemoveRoute deletes its record.
  assert.equal((await peer.remove(TO)).kind, "removed");
  assert.deepEqual(await routesTo(TO), []);
  assert.equal(await ip("route show table 142"), "");
});

Deno.test("InjectRoute that succeeds leaves the route and its record in the kernel", async () => {
  await using ground = await makeGround("vxlan100");
  await ground.addDevice("asleep", false);
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.configure("10.42.1.0/24"), "configured");
  assert.equal(await peer.inject(TO), "added");
  assert.equal(
    await peer.inject("10.42.3.0/24", "asleep"),
    "Interface 'asleep' is down",
  );
  assert.equal(
    await peer.inject("10.42.4.0/24", "nowhere"),
    "Interface 'nowhere' not found",
  );
  assert.deepEqual(await routesTo(TO), OURS);
  const records = await ip("-d route show table 142");
  const kept = [...records.matchAll(/^(\w+) (\S+) /gm)].map(([, type, to]) =>
    `${type} ${to}`
  );
  assert.deepEqual(kept, [
    "blackhole 10.42.1.0/24",
    "unreachable 10.42.2.0/24",
    "unreachable 10.42.3.0/24",
    "unreachable 10.42.4.0/24",
  ]);
});

Deno.test("ConfigureNodeSubnet removes our own route to the same subnet", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.inject(TO), "added");
  assert.equal(await peer.configure(TO), "configured");
  assert.deepEqual(await routesTo(TO), []);
  assert.equal(await peer.inject(TO), `Destination ${TO} is this node's own subnet`);
  const records = await ip("route show table 142");
  assert.match(records, /^blackhole 10\.42\.2\.0\/24 proto 142 /);
  assert.equal(records.trim().split("\n").length, 1);
});

Deno.test("InjectRoute adds the route again after its device went down and came up", async () => {
  await using _ground = await makeGround("vxlan100");
  await using peer = await openNodeUnderTest();
  assert.equal(await peer.inject(TO), "added");
  await ip("link set vxlan100 down");
  assert.deepEqual(await routesTo(TO), []);
  assert.equal(await peer.inject(TO), "Interface 'vxlan100' is down");
  await ip("link set vxlan100 up");
  await peer.inject(TO);
  assert.deepEqual(await routesTo(TO), OURS);
});

Deno.test("RemoveRoute succeeds after the device was deleted, and the route with it", async () => {
  await using ground = await makeGround("vxlan100");
  await using peer = await openNodeUnderTest();
  for (const again of ["vxlan100", "another"]) {
    assert.equal(await peer.inject(TO), "added");
    await ip("link delete vxlan100");
    if (again === "vxlan100") await ground.addDevice(again);
    assert.match(await peer.remove(TO), /^(absent|removed)$/);
    assert.equal(await ip("route show table 142"), "");
  }
});
