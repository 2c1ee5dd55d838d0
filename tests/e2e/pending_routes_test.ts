import assert from "node:assert/strict";
import { addVxlan } from "../support/namespace.ts";
import { until } from "../support/wait.ts";
import { done, fib, type Host, messages, openHost, refused } from "./host.ts";
import { watchRoutes } from "./route_watch.ts";
import { median } from "../bench/statistics.ts";
import { slowness } from "../support/slowness.ts";
import { partOf } from "../support/suite.ts";

const TO = "10.42.2.0/24";
const MISSING = refused("Interface 'vxlan100' not found");
const DOWN = refused("Interface 'vxlan100' is down");

/** On a quiet machine. */
const LIMIT_MS = 100;
const TRIES = 7;

/** Milliseconds until the route is there, the start of `ip` to bring it up included. */
async function comesWithin(
  { sidecar }: Host,
  bringUp: () => Promise<unknown>,
): Promise<number> {
  const started = performance.now();
  await bringUp();
  await until(() => fib(sidecar.pid).get(TO) === "vxlan100", {
    what: "the pending route",
    everyMs: 1,
  });
  return performance.now() - started;
}

/** How to bring vxlan100 up, and the answer of InjectRoute before that. */
const WAYS = [
  {
    name: "created",
    sentence: MISSING,
    takeAway: async ({ namespace }: Host) =>
      void await namespace.ip("link del vxlan100"),
    bringUp: ({ namespace }: Host) => addVxlan(namespace),
  },
  {
    name: "set up",
    sentence: DOWN,
    takeAway: async ({ namespace }: Host) =>
      void await namespace.ip("link set vxlan100 down"),
    bringUp: ({ namespace }: Host) => namespace.ip("link set vxlan100 up"),
  },
] as const;

for (const { bringUp, name, sentence, takeAway } of partOf(WAYS, 1)) {
  Deno.test(`the sidecar installs a pending route within ${LIMIT_MS} ms after vxlan100 was ${name}`, async () => {
    await using host = await openHost();
    const { client } = host;
    const took: number[] = [];
    while (took.length < TRIES) {
      await takeAway(host);
      assert.deepEqual(await client.injectRoute(TO, "vxlan100"), sentence);
      const ms = await comesWithin(host, () => bringUp(host));
      took.push(ms / await slowness());
      assert.deepEqual(await client.removeRoute(TO), done);
    }
    const shown = `ms, of a quiet machine: ${took.map(Math.round).join(" ")}`;
    assert.ok(median(took) <= LIMIT_MS, shown);
  });
}

Deno.test("a pending route is not installed while its device exists but is down", async () => {
  await using host = await openHost({ vxlan: undefined });
  const { client, namespace, sidecar } = host;
  assert.deepEqual(await client.injectRoute(TO, "vxlan100"), MISSING);
  await addVxlan(namespace, { up: false });
  assert.deepEqual(await client.injectRoute(TO, "vxlan100"), DOWN);
  await comesWithin(host, () => namespace.ip("link set vxlan100 up"));
  await sidecar.logged(
    /INFO: Installed 1 pending route via vxlan100: 10\.42\.2\.0/,
  );
});

for (const { bringUp, name, sentence, takeAway } of partOf(WAYS, 1)) {
  Deno.test(`RemoveRoute before vxlan100 is ${name} deletes the pending route for good`, async () => {
    await using host = await openHost();
    const { client, namespace, sidecar } = host;
    await takeAway(host);
    for (const each of ["10.42.3.0/24", TO]) {
      assert.deepEqual(await client.injectRoute(each, "vxlan100"), sentence);
    }
    assert.deepEqual(await client.removeRoute("10.42.3.0/24"), done);
    await using watch = await watchRoutes(namespace);
    // The other route shows when the sidecar has reconciled.
    await comesWithin(host, () => bringUp(host));
    assert.deepEqual([...fib(sidecar.pid).keys()], [TO]);
    const events = await watch.seen();
    assert.deepEqual(events.filter((line) => line.includes("10.42.3.0/24")), []);
    assert.ok(events.some((line) => line.includes(TO)));
  });
}

Deno.test("InjectRoute through two missing devices, one after the other, installs the route through the last only", async () => {
  await using host = await openHost({ vxlan: undefined });
  const { client, namespace, sidecar } = host;
  assert.deepEqual(
    await client.injectRoute(TO, "vxlan7"),
    refused("Interface 'vxlan7' not found"),
  );
  assert.deepEqual(await client.injectRoute(TO, "vxlan100"), MISSING);
  await addVxlan(namespace, { name: "vxlan7", id: 7 });
  await comesWithin(host, () => addVxlan(namespace));
  assert.deepEqual([...fib(sidecar.pid)], [[TO, "vxlan100"]]);
});

Deno.test("InjectRoute that is refused for any other reason leaves no pending route behind", async () => {
  await using host = await openHost({ vxlan: undefined });
  const { client, namespace, sidecar } = host;
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  const before = await namespace.ip("route show table all");
  for (const [to, device] of [["10.42.1.0/24", "vxlan100"], [TO, "a b"], ["x", "y"]]) {
    assert.equal((await client.injectRoute(to ?? "", device ?? "")).success, false);
  }
  assert.equal(await namespace.ip("route show table all"), before);
  await sidecar.stop();
  assert.ok(messages(sidecar).every((line) => !line.startsWith("ERROR: ")));
});
