import assert from "node:assert/strict";
import { addVxlan } from "../support/namespace.ts";
import {
  allRoutes,
  done,
  findingMessages,
  messages,
  openHost,
  refused,
  routesTo,
} from "./host.ts";
import { fullTest } from "../support/suite.ts";

const destination = "10.42.2.0/24";
const ours = `${destination} dev vxlan100 proto 142 scope link`;

/** Without table 142, which has the records of pending routes. */
function withoutRecords(routes: string): string {
  return routes.split("\n").filter((line) => !line.includes(" table 142 ")).join("\n");
}

Deno.test("InjectRoute through an interface that is missing says so and adds no route", async () => {
  await using host = await openHost({ vxlan: undefined });
  const { client, namespace, sidecar } = host;
  const before = await allRoutes(namespace);
  const sentence = "Interface 'vxlan100' not found";
  assert.deepEqual(
    await client.injectRoute(destination, "vxlan100"),
    refused(sentence),
  );
  assert.equal(withoutRecords(await allRoutes(namespace)), before);
  await sidecar.stop();
  const call = `InjectRoute(destination=${destination}, via=vxlan100)`;
  assert.ok(
    messages(sidecar).includes(`WARN: ${call} refused: ${sentence}`),
    sidecar.log.join("\n"),
  );
});

Deno.test("InjectRoute through an interface that is down says so and adds no route", async () => {
  await using host = await openHost({ vxlan: { up: false } });
  const { client, namespace } = host;
  const before = await allRoutes(namespace);
  const sentence = "Interface 'vxlan100' is down";
  assert.deepEqual(
    await client.injectRoute(destination, "vxlan100"),
    refused(sentence),
  );
  assert.equal(withoutRecords(await allRoutes(namespace)), before);
  await namespace.ip("link set vxlan100 up");
  assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
  assert.deepEqual(await routesTo(namespace, destination), [ours]);
});

Deno.test("InjectRoute succeeds after vxlan100 was deleted and created again", async () => {
  await using host = await openHost();
  const { client, namespace } = host;
  assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
  for (let round = 0; round < 5; round += 1) {
    await namespace.ip("link del vxlan100");
    // Another device may take the index that a cache still holds.
    await namespace.ip(`link add veth${round} type veth peer name peer${round}`);
    await addVxlan(namespace);
    for (const each of [destination, `10.42.${round + 10}.0/24`]) {
      assert.deepEqual(await client.injectRoute(each, "vxlan100"), done);
      assert.match(
        (await routesTo(namespace, each)).join(),
        / dev vxlan100 proto 142 /,
      );
    }
  }
});

fullTest(
  "InjectRoute goes by the name after a rename, and not by the device that had it",
  async () => {
    await using host = await openHost();
    const { client, namespace } = host;
    assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
    await namespace.ip("link set vxlan100 down");
    await namespace.ip("link set vxlan100 name old100");
    await namespace.ip("link set old100 up");
    await namespace.ip("link add vxlan100 type vxlan id 101 dstport 4790 dev lo");
    await namespace.ip("link set vxlan100 up");
    assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
    assert.deepEqual(await routesTo(namespace, destination), [ours]);
  },
);

Deno.test("InjectRoute through a bridge port installs the route, with one warning that names the remedy", async () => {
  await using host = await openHost({
    before: [
      "link add quilt0 type bridge",
      "link set quilt0 up",
      "link set vxlan100 master quilt0",
    ],
  });
  const { client, namespace, sidecar } = host;
  for (const each of [destination, "10.42.3.0/24", destination]) {
    assert.deepEqual(await client.injectRoute(each, "vxlan100"), done);
  }
  assert.deepEqual(await routesTo(namespace, destination), [ours]);
  await sidecar.logged(/WARN: bridge-port /);
  await sidecar.stop();
  const warnings = findingMessages(sidecar)
    .filter((line) => line.includes("bridge-port"));
  assert.equal(warnings.length, 1, warnings.join());
  assert.match(warnings.join(), /vxlan100 is a port of bridge quilt0/);
  assert.match(warnings.join(), /ip link set dev vxlan100 nomaster/);
});
