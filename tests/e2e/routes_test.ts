import assert from "node:assert/strict";
import type { StatedRoute } from "../../src/routing/route_set.ts";
import {
  isJsonObject,
  type JsonObject,
  objectAt,
  stringAt,
} from "../../deploy/json.ts";
import { type AnswerText, type Quilt, startQuilt } from "../support/quilt.ts";
import { startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { auditRecords, done, fib, messages, openHost } from "./host.ts";
import { watchRoutes } from "./route_watch.ts";
import { fullTest } from "../support/suite.ts";

/** Peers' subnets of 10.0.0.0/8, from 10.42.0.0/24 on. */
function peers(first: number, count: number, device = "vxlan100"): StatedRoute[] {
  return Array.from({ length: count }, (_, at) => {
    const octets = first + at;
    return { destination: `10.${42 + (octets >> 8)}.${octets & 255}.0/24`, device };
  });
}

async function sync(
  quilt: Quilt,
  routes: readonly StatedRoute[],
  dryRun = false,
): Promise<JsonObject | AnswerText> {
  return await quilt.call("sync", {
    routes: routes.map((each) => ({ ...each })),
    dryRun,
  });
}

/** The counts of a SyncRoutes that are not 0, e.g. `added 254`. */
async function counts(...args: Parameters<typeof sync>): Promise<string> {
  const answer = await sync(...args);
  if (typeof answer === "string") return answer;
  return ["added", "removed", "unchanged", "pending", "refused"]
    .filter((kind) => answer[kind] !== 0).map((kind) => `${kind} ${answer[kind]}`)
    .join(", ");
}

/** A listed route as one line: `10.42.2.0/24 vxlan100 INSTALLED unconfirmed`. */
function shown(route: JsonObject): string {
  const reason = stringAt(route, "reason");
  return [
    stringAt(route, "destination"),
    stringAt(route, "device"),
    stringAt(route, "state").replace("ROUTE_STATE_", ""),
    ...(route["confirmed"] === true ? [] : ["unconfirmed"]),
    ...(reason === "" ? [] : [`(${reason})`]),
  ].join(" ");
}

function routesIn(value: JsonObject): readonly JsonObject[] {
  const { routes } = value;
  assert.ok(Array.isArray(routes));
  return routes.filter(isJsonObject);
}

/**
 * What is new in the messages of a watch: a route is sent again, as it was, when a finding
 * about it comes or goes, which is at any time.
 */
function changesIn(events: readonly JsonObject[]): readonly string[] {
  const known = new Map<string, string>();
  return events.flatMap((event) => {
    const changed = routesIn(event).filter((route) => {
      const destination = stringAt(route, "destination");
      const isNew = known.get(destination) !== shown(route);
      known.set(destination, shown(route));
      return isNew;
    });
    const { removed } = event;
    assert.ok(Array.isArray(removed));
    for (const destination of removed) known.delete(String(destination));
    return [...changed.map(shown), ...removed.map((destination) => `-${destination}`)];
  });
}

async function list(quilt: Quilt): Promise<readonly JsonObject[]> {
  const answer = await quilt.call("routes");
  assert.ok(typeof answer !== "string", String(answer));
  return routesIn(answer);
}

Deno.test("SyncRoutes of 254 routes adds all, writes nothing when unchanged, and makes ten changes for ten", async () => {
  // With the default, /16, there are only two others of which to take five.
  await using host = await openHost({ options: ["--cluster-cidr", "10.0.0.0/8"] });
  const { namespace, sidecar } = host;
  await using quilt = startQuilt(namespace);
  assert.equal(await counts(quilt, peers(1, 254)), "added 254");
  for (const { destination } of peers(1, 254)) {
    assert.equal(fib(sidecar.pid).get(destination), "vxlan100");
  }
  {
    await using watch = await watchRoutes(namespace);
    assert.equal(await counts(quilt, peers(1, 254)), "unchanged 254");
    assert.deepEqual(await watch.seen(), []);
  }
  await using watch = await watchRoutes(namespace);
  const others = peers(6, 254);
  assert.equal(await counts(quilt, others, true), "added 5, removed 5, unchanged 249");
  assert.deepEqual(await watch.seen(), []);
  assert.equal(await counts(quilt, others), "added 5, removed 5, unchanged 249");
  const seen = await watch.seen();
  assert.equal(seen.filter((line) => !line.includes("table 142")).length, 10);
  await sidecar.stop();
  assert.deepEqual(messages(sidecar).filter((line) => line.includes("ync")), [
    "INFO: RPC: SyncRoutes(254 routes)",
    "INFO: Routes synced: 254 added, 0 removed, 0 unchanged, 0 pending, 0 refused",
    "INFO: RPC: SyncRoutes(254 routes)",
    "INFO: Routes synced: 5 added, 5 removed, 249 unchanged, 0 pending, 0 refused",
  ]);
  const records = auditRecords(sidecar).filter((each) => each["rpc"] === "SyncRoutes");
  assert.equal(records.length, 2 * (254 + 5 + 5));
  for (const record of records) {
    assert.match(stringAt(record, "peer"), /^127\.0\.0\.1:/);
  }
});

fullTest(
  "SyncRoutes takes 10,000 routes in one call, and every mutation is in the audit log",
  async () => {
    await using host = await openHost({ options: ["--cluster-cidr", "10.0.0.0/8"] });
    const { client, namespace, sidecar } = host;
    await using quilt = startQuilt(namespace);
    const all = peers(0, 10_000);
    const answers: string[] = [];
    const underWay = counts(quilt, all).then((answer) => answers.push(answer));
    // The agent's call is let in between; it waits for a part of it, not for all.
    await until(() => fib(sidecar.pid).size > 300, {
      what: "the first routes",
      everyMs: 1,
    });
    const { error } = await client.injectRoute("10.200.0.0/24", "vxlan100");
    answers.push(error);
    await underWay;
    assert.deepEqual(answers, ["", "added 10000"], "the call waited for all routes");
    assert.equal(fib(sidecar.pid).size, 10_001);
    assert.equal(await counts(quilt, all), "removed 1, unchanged 10000");
    assert.equal(await counts(quilt, all), "unchanged 10000");
    await sidecar.stop();
    const numbers = auditRecords(sidecar).map((record) => record["sequence"]);
    assert.deepEqual(numbers, Array.from({ length: 20_004 }, (_, at) => at + 1));
  },
);

Deno.test("routes stay confirmed after a crash until the agent starts again; then InjectRoute confirms each without a write", async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  await using quilt = startQuilt(namespace);
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.equal(await counts(quilt, peers(2, 4)), "added 4");
  const before = await list(quilt);
  assert.deepEqual(before.map(shown), [
    "10.42.2.0/24 vxlan100 INSTALLED",
    "10.42.3.0/24 vxlan100 INSTALLED",
    "10.42.4.0/24 vxlan100 INSTALLED",
    "10.42.5.0/24 vxlan100 INSTALLED",
  ]);
  sidecar.kill("SIGKILL");
  await sidecar.status;
  await using _next = await startSidecar(namespace);
  assert.deepEqual((await list(quilt)).map(shown), before.map(shown));
  await using watch = await watchRoutes(namespace);
  const { seen } = watch;
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  const unconfirmed = (await list(quilt)).map(shown);
  assert.deepEqual(unconfirmed, before.map((route) => `${shown(route)} unconfirmed`));
  assert.deepEqual(await client.injectRoute("10.42.3.0/24", "vxlan100"), done);
  assert.deepEqual((await list(quilt)).map(shown), [
    "10.42.2.0/24 vxlan100 INSTALLED unconfirmed",
    "10.42.3.0/24 vxlan100 INSTALLED",
    "10.42.4.0/24 vxlan100 INSTALLED unconfirmed",
    "10.42.5.0/24 vxlan100 INSTALLED unconfirmed",
  ]);
  assert.equal(await counts(quilt, peers(2, 4), true), "unchanged 4");
  assert.equal((await list(quilt)).filter((route) => route["confirmed"]).length, 1);
  assert.equal(await counts(quilt, peers(2, 4)), "unchanged 4");
  assert.deepEqual((await list(quilt)).map(shown), before.map(shown));
  assert.deepEqual(await seen(), []);
});

Deno.test("ListRoutes shows a pending route with the reason, and since when", async () => {
  await using host = await openHost();
  const { namespace } = host;
  await using quilt = startQuilt(namespace);
  const waiting = [...peers(2, 1), ...peers(3, 1, "vxlan200")];
  assert.equal(await counts(quilt, waiting), "added 1, pending 1");
  const [installed, pending] = await list(quilt);
  assert.ok(installed !== undefined && pending !== undefined);
  assert.equal(
    shown(pending),
    "10.42.3.0/24 vxlan200 PENDING (Interface 'vxlan200' not found)",
  );
  await namespace.ip("link add vxlan200 type veth peer name other");
  await namespace.ip("link set vxlan200 up");
  const later = await until(async () => {
    const [first, second] = await list(quilt);
    // What the diagnosis finds is another matter, and comes a moment later.
    assert.deepEqual({ ...first, findings: [] }, { ...installed, findings: [] });
    return second?.["state"] === "ROUTE_STATE_INSTALLED" && second;
  }, { what: "the route to be installed" });
  assert.equal(shown(later), "10.42.3.0/24 vxlan200 INSTALLED");
  assert.ok(sinceMs(later) > sinceMs(pending), "the state has changed");
  assert.ok(Math.abs(sinceMs(later) - Date.now()) < 60_000);
});

function sinceMs(route: JsonObject): number {
  const since = objectAt(route, "since");
  return Number(since["seconds"]) * 1000 + Number(since["nanos"]) / 1e6;
}

Deno.test("SyncRoutes with one invalid entry is refused with INVALID_ARGUMENT and its position", async () => {
  await using host = await openHost();
  const { client, namespace } = host;
  await using quilt = startQuilt(namespace);
  assert.deepEqual(await client.injectRoute("10.42.9.0/24", "vxlan100"), done);
  await using watch = await watchRoutes(namespace);
  assert.equal(
    await sync(quilt, [...peers(2, 3), { destination: "10.43.0.0/24", device: "x" }]),
    "INVALID_ARGUMENT: routes[3]: Destination 10.43.0.0/24 must be within cluster CIDR " +
      "10.42.0.0/16",
  );
  assert.match(
    String(await sync(quilt, [...peers(2, 2), ...peers(2, 1)])),
    /^INVALID_ARGUMENT: routes\[2\]: Destination 10\.42\.2\.0\/24 is stated twice/,
  );
  assert.deepEqual(await watch.seen(), []);
});

Deno.test("WatchRoutes sends all routes first and then the changes, until the sidecar stops", async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  await using quilt = startQuilt(namespace);
  assert.equal(await counts(quilt, peers(2, 2)), "added 2");
  quilt.watchRoutes();
  const expected: string[] = [];
  const expectNext = async (...changes: readonly string[]): Promise<void> => {
    expected.push(...changes);
    await until(() => changesIn(quilt.routeEvents).length >= expected.length, {
      what: `the ${changes.length} next changes`,
    });
    assert.deepEqual(changesIn(quilt.routeEvents), expected);
  };
  await expectNext(
    "10.42.2.0/24 vxlan100 INSTALLED",
    "10.42.3.0/24 vxlan100 INSTALLED",
  );
  assert.equal(await counts(quilt, peers(3, 2)), "added 1, removed 1, unchanged 1");
  await expectNext("10.42.4.0/24 vxlan100 INSTALLED", "-10.42.2.0/24");
  assert.deepEqual(await client.injectRoute("10.42.4.0/24", "vxlan100"), done);
  await client.injectRoute("10.42.3.0/24", "nowhere");
  await expectNext("10.42.3.0/24 nowhere PENDING (Interface 'nowhere' not found)");
  assert.deepEqual(
    quilt.routeEvents.map((event) => event["complete"] === true),
    quilt.routeEvents.map((_, at) => at === 0),
  );
  const began = performance.now();
  assert.equal((await sidecar.stop()).code, 0);
  assert.ok(performance.now() - began < 3000, "the watch held the stop up");
  await until(() => quilt.over.length === 1, { what: "the end of the watch" });
  assert.match(quilt.over.join(), /UNAVAILABLE: The sidecar is shutting down/);
});

fullTest(
  "WatchRoutes sends a slow reader the newest state of each route, and not every change",
  async () => {
    await using host = await openHost();
    const { client, namespace } = host;
    await using quilt = startQuilt(namespace);
    await using slow = startQuilt(namespace);
    await counts(quilt, peers(2, 254));
    slow.watchRoutes();
    await until(() => slow.routeEvents.length === 1, { what: "the first message" });
    slow.signal("SIGSTOP");
    const began = performance.now();
    const rounds = 100;
    // Each takes 254 confirmations back and gives them again.
    for (let round = 0; round < rounds; round += 1) {
      assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
      assert.equal(await counts(quilt, peers(2, 254)), "unchanged 254");
    }
    assert.equal(await counts(quilt, peers(7, 3)), "removed 251, unchanged 3");
    slow.signal("SIGCONT");
    const known = new Map<string, string>();
    let read = 0;
    await until(() => {
      for (const event of slow.routeEvents.slice(read)) {
        const { removed } = event;
        for (const to of Array.isArray(removed) ? removed : []) {
          known.delete(String(to));
        }
        for (const route of routesIn(event)) {
          known.set(stringAt(route, "destination"), shown(route));
        }
      }
      read = slow.routeEvents.length;
      return known.size === 3;
    }, { what: "the newest state" });
    assert.deepEqual([...known.values()].toSorted(), [
      "10.42.7.0/24 vxlan100 INSTALLED",
      "10.42.8.0/24 vxlan100 INSTALLED",
      "10.42.9.0/24 vxlan100 INSTALLED",
    ]);
    // One message for all that happens within 50 ms.
    const most = (performance.now() - began) / 50 + 3;
    assert.ok(read <= most, `${read} messages, at most ${most} were due`);
  },
);
