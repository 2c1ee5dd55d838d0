import assert from "node:assert/strict";
import { done, messages, openHost, refused, routesTo } from "./host.ts";
import { stopMonitor } from "./processes.ts";
import { watchRoutes } from "./route_watch.ts";
import { fullTest, partOf } from "../support/suite.ts";

const destination = "10.42.2.0/24";
const ours = `${destination} dev vxlan100 proto 142 scope link`;
/** Devices that other routes can go through; nothing answers there. */
const otherDevice = ["link add veth0 type veth peer name veth1", "link set veth0 up"];
const bridge = [
  "link add quilt0 type bridge",
  "address add 10.42.5.1/24 dev quilt0",
  "link set quilt0 up",
];

fullTest(
  "InjectRoute adds a route again that another process deleted",
  async () => {
    await using host = await openHost();
    const { client, namespace, sidecar } = host;
    // Drift repair would add it again within milliseconds.
    await stopMonitor(sidecar);
    for (let round = 0; round < 5; round += 1) {
      assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
      assert.deepEqual(await routesTo(namespace, destination), [ours]);
      await namespace.ip(`route del ${destination}`);
    }
  },
);

Deno.test("InjectRoute of an unchanged route writes nothing to the kernel", async () => {
  await using host = await openHost();
  const { client, namespace } = host;
  assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
  {
    await using quiet = await watchRoutes(namespace);
    for (let call = 0; call < 50; call += 1) {
      assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
    }
    assert.deepEqual(await quiet.seen(), []);
  }
  // The watch would have seen a write.
  await using watch = await watchRoutes(namespace);
  await client.removeRoute(destination);
  const seen = await watch.seen();
  assert.ok(seen.some((line) => line.includes(`Deleted ${destination}`)), seen.join());
});

fullTest("RemoveRoute of an absent route succeeds and changes nothing", async () => {
  await using host = await openHost();
  const { client, namespace } = host;
  await using watch = await watchRoutes(namespace);
  assert.deepEqual(await client.removeRoute(destination), done);
  assert.deepEqual(await watch.seen(), []);
});

for (
  const other of partOf([
    "dev veth0",
    "via 192.0.2.77 dev veth0 onlink proto bird",
    "dev veth0 metric 50",
    "dev vxlan100",
    "dev vxlan100 proto static",
  ], 1)
) {
  Deno.test(`InjectRoute replaces "${other}" by ours, with one warning in the log`, async () => {
    await using host = await openHost({ before: otherDevice });
    const { client, namespace, sidecar } = host;
    await namespace.ip(`route add ${destination} ${other}`);
    assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
    assert.deepEqual(await routesTo(namespace, destination), [ours]);
    assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
    await sidecar.stop();
    const warnings = messages(sidecar).filter((line) => line.startsWith("WARN: "));
    assert.equal(warnings.length, 1, warnings.join());
    assert.match(warnings.join(), /^WARN: Replaced route 10\.42\.2\.0\/24 /);
  });
}

fullTest(
  "InjectRoute through another device moves the route there",
  async () => {
    await using host = await openHost({ before: otherDevice });
    const { client, namespace } = host;
    assert.deepEqual(await client.injectRoute(destination, "veth0"), done);
    assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
    assert.deepEqual(await routesTo(namespace, destination), [ours]);
  },
);

fullTest(
  "RemoveRoute removes a route that was added by hand or by another runtime",
  async () => {
    await using host = await openHost({ before: otherDevice });
    const { client, namespace } = host;
    await namespace.ip(`route add ${destination} dev veth0`);
    await namespace.ip(`route add ${destination} dev vxlan100 proto static metric 9`);
    assert.deepEqual(await client.removeRoute(destination), done);
    assert.deepEqual(await routesTo(namespace, destination), []);
  },
);

fullTest("RemoveRoute leaves a routing daemon's route alone", async () => {
  await using host = await openHost({ before: otherDevice });
  const { client, namespace } = host;
  await namespace.ip(`route add ${destination} dev veth0 proto bird`);
  const before = await routesTo(namespace, destination);
  assert.deepEqual(await client.removeRoute(destination), done);
  assert.deepEqual(await routesTo(namespace, destination), before);
});

Deno.test("InjectRoute and RemoveRoute leave a connected route of the bridge alone", async () => {
  await using host = await openHost({ before: bridge });
  const { client, namespace } = host;
  const connected = await routesTo(namespace, "10.42.5.0/24");
  assert.match(connected.join(), /^10\.42\.5\.0\/24 dev quilt0 proto kernel /);
  const refusal =
    "10.42.5.0/24 is directly connected on quilt0; refusing to replace it";
  assert.deepEqual(
    await client.injectRoute("10.42.5.0/24", "vxlan100"),
    refused(refusal),
  );
  assert.deepEqual(await client.removeRoute("10.42.5.0/24"), done);
  assert.deepEqual(await routesTo(namespace, "10.42.5.0/24"), connected);
});

Deno.test("InjectRoute and RemoveRoute leave routes of other prefixes, tables and rules as they are", async () => {
  await using host = await openHost({ before: otherDevice });
  const { client, namespace } = host;
  const foreign = [
    "10.42.0.0/16 dev veth0",
    "10.42.2.0/25 dev veth0",
    "10.42.2.7/32 dev veth0",
    "10.42.2.0/24 dev veth0 table 7",
    "default dev veth0",
  ];
  for (const route of foreign) await namespace.ip(`route add ${route}`);
  await namespace.ip("rule add from 10.42.0.0/16 lookup 7");
  const before = await namespace.ip("route show table all");
  const rules = await namespace.ip("rule show");
  assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
  assert.deepEqual(await routesTo(namespace, destination), [ours]);
  assert.deepEqual(await client.removeRoute(destination), done);
  assert.equal(await namespace.ip("route show table all"), before);
  assert.equal(await namespace.ip("rule show"), rules);
});
