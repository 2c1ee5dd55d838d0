import assert from "node:assert/strict";
import { type Ipv4Cidr, parseCidr } from "../../../src/ipam/cidr.ts";
import { INSTALLED, type Standing } from "../../../src/reconcile/desired_state.ts";
import { StatusFeed } from "../../../src/reconcile/status_feed.ts";
import type { RouteChanges } from "../../../src/reconcile/ports.ts";
import { checkInterfaceName } from "../../../src/routing/interface_name.ts";
import { until } from "../../support/wait.ts";

function to(octet: number): Ipv4Cidr {
  const parsed = parseCidr(`10.42.${octet}.0/24`);
  assert.ok(parsed.ok);
  return parsed.value;
}

const WAITING: Standing = { kind: "waiting", reason: "missing" };

function openBook() {
  const book = new StatusFeed();
  const put = (octet: number, standing = INSTALLED, through = "vxlan100") => {
    const device = checkInterfaceName(through);
    assert.ok(device.ok);
    const route = { destination: to(octet), device: device.value };
    book.ledger.put({ route, remembered: true, standing });
  };
  return { book, put };
}

/** News as lines: `all`, `10.42.2.0/24 vxlan100`, `-10.42.3.0/24`. */
function told(news: RouteChanges | undefined): readonly string[] {
  if (news === undefined) return [];
  return [
    ...(news.complete ? ["all"] : []),
    ...news.routes.map(({ confirmed, pending, route }) =>
      [
        `${route.destination} ${route.device}`,
        ...(confirmed ? [] : ["unconfirmed"]),
        ...(pending === "" ? [] : [pending]),
      ].join(", ")
    ),
    ...news.removed.map((destination) => `-${destination}`),
  ];
}

Deno.test("a list waits until what an earlier life left is read back", async () => {
  const { book, put } = openBook();
  put(9);
  let listed: readonly Ipv4Cidr[] | undefined;
  const listing = book.list().then((routes) =>
    listed = routes.map(({ route }) => route.destination)
  );
  await Promise.resolve();
  assert.equal(listed, undefined);
  put(20);
  put(3);
  book.open();
  await listing;
  assert.deepEqual(listed, [to(3), to(9), to(20)]);
});

Deno.test("since is when a route came into its state: neither a new reason nor a confirmation changes it", async () => {
  const { book, put } = openBook();
  book.open();
  const since = async () => (await book.list())[0]?.sinceMs ?? 0;
  const tick = () => {
    const now = Date.now();
    return until(() => Date.now() > now, { what: "the clock", everyMs: 1 });
  };
  put(2, WAITING);
  const first = await since();
  await tick();
  put(2, { kind: "waiting", reason: "down" });
  book.ledger.unconfirmAll();
  book.ledger.confirm(to(2));
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

Deno.test("all routes are unconfirmed when the agent starts anew, and each is confirmed when it is asked for", async () => {
  const { book, put } = openBook();
  book.open();
  for (const octet of [2, 3]) put(octet);
  const confirmed = async () => (await book.list()).map((route) => route.confirmed);
  assert.deepEqual(await confirmed(), [true, true]);
  book.ledger.unconfirmAll();
  put(4);
  put(3);
  assert.deepEqual(await confirmed(), [false, false, true]);
  book.ledger.confirm(to(3));
  assert.deepEqual(await confirmed(), [false, true, true]);
  book.ledger.remove(to(2));
  put(2);
  assert.deepEqual(await confirmed(), [true, true, true]);
});

Deno.test("a route whose removal got no answer is listed no more, and again when it is asked for again", async () => {
  const { book, put } = openBook();
  book.open();
  put(2);
  book.ledger.leave(to(2), "overlay");
  assert.deepEqual(await book.list(), []);
  put(2);
  assert.equal((await book.list()).length, 1);
});

Deno.test("a watch is told all routes, then what has changed, each route once and at its newest", () => {
  const { book, put } = openBook();
  put(2);
  book.open();
  const watch = book.watch(() => {});
  put(3, WAITING);
  assert.deepEqual(told(watch.take()), [
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
    book.ledger.remove(to(4));
  }
  book.ledger.unconfirmAll();
  put(5);
  book.ledger.remove(to(2));
  assert.deepEqual(told(watch.take()), [
    "10.42.3.0/24 vxlan100, unconfirmed, Interface 'vxlan100' not found",
    "10.42.5.0/24 vxlan100",
    "-10.42.4.0/24",
    "-10.42.2.0/24",
  ]);
  assert.equal(watch.take(), undefined);
});

Deno.test("a watch is woken once for all that happens before it takes, and never after its end", async () => {
  const { book, put } = openBook();
  let woken = 0;
  const watch = book.watch(() => woken += 1);
  put(2);
  await Promise.resolve();
  assert.equal(watch.take(), undefined, "nothing is read back yet");
  book.open();
  await Promise.resolve();
  const before = woken;
  assert.deepEqual(told(watch.take()), ["all", "10.42.2.0/24 vxlan100"]);
  for (const octet of [3, 4, 5]) put(octet);
  await Promise.resolve();
  assert.equal(woken, before + 1);
  watch.close();
  put(6);
  await Promise.resolve();
  assert.equal(woken, before + 1);
  assert.equal(watch.take(), undefined);
});
