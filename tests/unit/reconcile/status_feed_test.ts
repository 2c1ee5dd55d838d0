import assert from "node:assert/strict";
import { type Ipv4Cidr, parseCidr } from "../../../src/ipam/cidr.ts";
import { INSTALLED, type RouteStatus } from "../../../src/reconcile/outcome.ts";
import { StatusFeed } from "../../../src/reconcile/status_feed.ts";
import type { RouteChanges } from "../../../src/reconcile/ports.ts";
import { parseInterfaceName } from "../../../src/routing/interface_name.ts";
import { until } from "../../support/wait.ts";

function to(octet: number): Ipv4Cidr {
  const parsed = parseCidr(`10.42.${octet}.0/24`);
  assert.ok(parsed.ok);
  return parsed.value;
}

const WAITING: RouteStatus = { kind: "waiting", reason: "missing" };

function openFeed() {
  const feed = new StatusFeed();
  const put = (
    octet: number,
    status: RouteStatus = INSTALLED,
    through = "vxlan100",
  ) => {
    const device = parseInterfaceName(through);
    assert.ok(device.ok);
    const route = { destination: to(octet), device: device.value };
    feed.desired.put({ route, persisted: true, status });
  };
  return { feed, put };
}

/** Changes as lines: `all`, `10.42.2.0/24 vxlan100`, `-10.42.3.0/24`. */
function linesOf(changes: RouteChanges | undefined): readonly string[] {
  if (changes === undefined) return [];
  return [
    ...(changes.complete ? ["all"] : []),
    ...changes.routes.map(({ confirmed, pending, route }) =>
      [
        `${route.destination} ${route.device}`,
        ...(confirmed ? [] : ["unconfirmed"]),
        ...(pending === "" ? [] : [pending]),
      ].join(", ")
    ),
    ...changes.removed.map((destination) => `-${destination}`),
  ];
}

Deno.test("StatusFeed.list waits until what an earlier process left is restored", async () => {
  const { feed, put } = openFeed();
  put(9);
  let listed: readonly Ipv4Cidr[] | undefined;
  const listing = feed.list().then((routes) =>
    listed = routes.map(({ route }) => route.destination)
  );
  await Promise.resolve();
  assert.equal(listed, undefined);
  put(20);
  put(3);
  feed.open();
  await listing;
  assert.deepEqual(listed, [to(3), to(9), to(20)]);
});

Deno.test("StatusFeed keeps sinceMs while a route stays in its state, whatever its reason and whether it is claimed", async () => {
  const { feed, put } = openFeed();
  feed.open();
  const since = async () => (await feed.list())[0]?.sinceMs ?? 0;
  const tick = () => {
    const now = Date.now();
    return until(() => Date.now() > now, { what: "the clock", everyMs: 1 });
  };
  put(2, WAITING);
  const first = await since();
  await tick();
  put(2, { kind: "waiting", reason: "down" });
  feed.desired.markAllStale();
  feed.desired.claim(to(2));
  assert.equal(await since(), first);
  put(2);
  const installed = await since();
  assert.ok(installed > first);
  await tick();
  put(2);
  assert.equal(await since(), installed);
  put(2, INSTALLED, "other");
  assert.ok(await since() > installed);
});

Deno.test("StatusFeed reports an installed route that is back, and no other that is only claimed to be", async () => {
  const { feed, put } = openFeed();
  feed.open();
  put(2);
  put(3, WAITING);
  const watch = feed.watch(() => {});
  watch.take();
  const [before] = await feed.list();
  const now = Date.now();
  await until(() => Date.now() > now, { what: "the clock", everyMs: 1 });
  for (const octet of [3, 4]) feed.noteReturn(to(octet));
  assert.equal(watch.take(), undefined);
  feed.noteReturn(to(2));
  assert.deepEqual(linesOf(watch.take()), ["10.42.2.0/24 vxlan100"]);
  const [after] = await feed.list();
  assert.ok(before !== undefined && after !== undefined);
  assert.ok(after.sinceMs > before.sinceMs);
  assert.deepEqual({ ...after, sinceMs: 0 }, { ...before, sinceMs: 0 });
  watch.close();
});

Deno.test("StatusFeed shows all routes as unconfirmed once the agent starts anew, and each as confirmed when it is claimed", async () => {
  const { feed, put } = openFeed();
  feed.open();
  for (const octet of [2, 3]) put(octet);
  const confirmed = async () => (await feed.list()).map((route) => route.confirmed);
  assert.deepEqual(await confirmed(), [true, true]);
  feed.desired.markAllStale();
  put(4);
  put(3);
  assert.deepEqual(await confirmed(), [false, false, true]);
  feed.desired.claim(to(3));
  assert.deepEqual(await confirmed(), [false, true, true]);
  feed.desired.delete(to(2));
  put(2);
  assert.deepEqual(await confirmed(), [true, true, true]);
});

Deno.test("StatusFeed hides a route whose deletion is pending, until it is desired again", async () => {
  const { feed, put } = openFeed();
  feed.open();
  put(2);
  feed.desired.markForDeletion(to(2), "overlay");
  assert.deepEqual(await feed.list(), []);
  put(2);
  assert.equal((await feed.list()).length, 1);
});

Deno.test("StatusFeed.watch gives all routes, then what has changed, each route once and at its newest", () => {
  const { feed, put } = openFeed();
  put(2);
  feed.open();
  const watch = feed.watch(() => {});
  put(3, WAITING);
  assert.deepEqual(linesOf(watch.take()), [
    "all",
    "10.42.2.0/24 vxlan100",
    "10.42.3.0/24 vxlan100, Interface 'vxlan100' not found",
  ]);
  assert.equal(watch.take(), undefined);
  put(2);
  assert.equal(watch.take(), undefined);
  for (let round = 0; round < 100; round += 1) {
    put(3, round % 2 === 0 ? INSTALLED : WAITING);
    put(4);
    feed.desired.delete(to(4));
  }
  feed.desired.markAllStale();
  put(5);
  feed.desired.delete(to(2));
  assert.deepEqual(linesOf(watch.take()), [
    "10.42.3.0/24 vxlan100, unconfirmed, Interface 'vxlan100' not found",
    "10.42.5.0/24 vxlan100",
    "-10.42.4.0/24",
    "-10.42.2.0/24",
  ]);
  assert.equal(watch.take(), undefined);
});

Deno.test("RouteWatch.repeat gives the routes that it is asked for once more, and does nothing after the watch's close", () => {
  const { feed, put } = openFeed();
  for (const octet of [2, 3, 4]) put(octet);
  feed.open();
  const watch = feed.watch(() => {});
  watch.repeat(() => true);
  assert.equal(linesOf(watch.take())?.length, 4);
  watch.repeat(({ destination }) => destination !== to(3));
  feed.desired.delete(to(4));
  assert.deepEqual(linesOf(watch.take()), ["10.42.2.0/24 vxlan100", "-10.42.4.0/24"]);
  assert.equal(watch.take(), undefined);
  watch.close();
  watch.repeat(() => true);
  assert.equal(watch.take(), undefined);
});

Deno.test("StatusFeed.watch wakes once for all that happens before a take, and never after its close", async () => {
  const { feed, put } = openFeed();
  let woken = 0;
  const watch = feed.watch(() => woken += 1);
  put(2);
  await Promise.resolve();
  assert.equal(watch.take(), undefined, "nothing is restored yet");
  feed.open();
  await Promise.resolve();
  const before = woken;
  assert.deepEqual(linesOf(watch.take()), ["all", "10.42.2.0/24 vxlan100"]);
  for (const octet of [3, 4, 5]) put(octet);
  await Promise.resolve();
  assert.equal(woken, before + 1);
  watch.close();
  put(6);
  await Promise.resolve();
  assert.equal(woken, before + 1);
  assert.equal(watch.take(), undefined);
});
