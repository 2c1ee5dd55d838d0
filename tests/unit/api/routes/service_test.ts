import assert from "node:assert/strict";
import {
  Client,
  credentials,
  type ServiceDefinition,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { createLogger } from "../../../../src/observability/logger.ts";
import type {
  ListedRoute,
  RouteChanges,
  RouteService,
  SyncOutcome,
} from "../../../../src/reconcile/ports.ts";
import {
  createClient,
  createSidecarReader,
  createUnaryCall,
} from "../../../../src/cli/grpc_client.ts";
import { formatListenAddress } from "../../../../src/transport/listen_address.ts";
import { StreamLimiter } from "../../../../src/api/stream_limiter.ts";
import { createRouteService } from "../../../../src/api/routes/service.ts";
import { startServer } from "../../../../src/transport/server.ts";
import { ROUTE_SERVICE } from "../../../../src/api/proto_registry.ts";
import { INSTALLED } from "../../../../src/reconcile/outcome.ts";
import { StatusFeed } from "../../../../src/reconcile/status_feed.ts";
import type { Route } from "../../../../src/routing/route.ts";
import { CurrentFindings } from "../../../../src/api/data_path/current_findings.ts";
import { until } from "../../../support/wait.ts";
import { finding, MemoryDataPath } from "../memory_data_path.ts";
import { cidr, device } from "../outcomes.ts";

const LISTED: ListedRoute = {
  route: { destination: cidr("10.42.2.0/24"), device: device("vxlan100") },
  pending: "",
  sinceMs: 1_700_000_000_123,
  confirmed: true,
};

const MESSAGE = {
  destination: "10.42.2.0/24",
  device: "vxlan100",
  state: "ROUTE_STATE_INSTALLED",
  reason: "",
  since: { seconds: 1_700_000_000, nanos: 123_000_000 },
  confirmed: true,
  findings: [],
};

function syncedOne(kind: "added" | "refused", changed: boolean): SyncOutcome {
  const counts = { added: 0, removed: 0, unchanged: 0, pending: 0, refused: 0 };
  const detail = kind === "refused" ? "10.42.2.0/24 is directly connected" : "";
  return {
    kind: "synced",
    outcomes: [{ destination: LISTED.route.destination, kind, detail }],
    counts: { ...counts, [kind]: 1 },
    changed,
  };
}

/** The service over a table of which a test gives what it is about. */
async function openService(
  parts: Partial<RouteService>,
  dataPath = new MemoryDataPath(),
) {
  const log: string[] = [];
  const write = (line: string) => void log.push(line.replace(/^\S+ /, ""));
  const sink = { write, dropped: 0, flush: () => Promise.resolve() };
  const logger = createLogger({ level: "info", format: "text", sink });
  const table: RouteService = {
    injectRoute: () => Promise.reject(new Error("not to be asked")),
    removeRoute: () => Promise.reject(new Error("not to be asked")),
    list: () => Promise.resolve([]),
    watch: () => ({ take: () => undefined, repeat: () => {}, close: () => {} }),
    sync: () => Promise.resolve({ kind: "shutting-down" }),
    ...parts,
  };
  const streams = new StreamLimiter();
  const findings = new CurrentFindings(dataPath);
  const service = createRouteService(table, findings, streams, logger);
  const started = await startServer({ kind: "tcp", host: "127.0.0.1", port: 0 }, [
    service,
  ]);
  assert.ok(started.ok);
  const address = formatListenAddress(started.value.address);
  const client = new Client(
    address,
    credentials.createInsecure(),
    { "grpc.use_local_subchannel_pool": 1 },
  );
  return {
    address,
    log,
    streams,
    ask: (rpc: string, request: object) => ask(client, methodOf(rpc), request),
    watch: () => watch(client, methodOf("WatchRoutes")),
    [Symbol.asyncDispose]: async () => {
      client.close();
      await started.value.close(0);
    },
  };
}

function methodOf(rpc: string): ServiceDefinition[string] {
  const method = ROUTE_SERVICE[rpc];
  assert.ok(method);
  return method;
}

function ask(
  client: Client,
  { path, requestSerialize, responseDeserialize }: ServiceDefinition[string],
  request: object,
): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  client.makeUnaryRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
    (error: ServiceError | null, message: unknown) =>
      resolve(error ? `${status[error.code]}: ${error.details}` : message),
  );
  return promise;
}

function watch(
  client: Client,
  { path, requestSerialize, responseDeserialize }: ServiceDefinition[string],
) {
  const messages: unknown[] = [];
  const end = Promise.withResolvers<string>();
  const stream = client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    {},
  );
  stream.on("data", (message: unknown) => messages.push(message));
  stream.on(
    "status",
    ({ code, details }) => end.resolve(`${status[code]}: ${details}`),
  );
  stream.on("error", () => {});
  return { messages, end: end.promise, cancel: () => stream.cancel() };
}

Deno.test("ListRoutes answers every field of a route", async () => {
  const pending = {
    ...LISTED,
    pending: "Interface 'vxlan100' is down",
    confirmed: false,
  };
  await using service = await openService({
    list: () => Promise.resolve([LISTED, pending]),
  });
  assert.deepEqual(await service.ask("ListRoutes", {}), {
    routes: [MESSAGE, {
      ...MESSAGE,
      state: "ROUTE_STATE_PENDING",
      reason: "Interface 'vxlan100' is down",
      confirmed: false,
    }],
  });
});

/** A node's own feed of the status of its routes, with one that is installed. */
function openFeed() {
  const feed = new StatusFeed();
  feed.open();
  const put = (route: Route) =>
    feed.desired.put({ route, persisted: true, status: INSTALLED });
  put(LISTED.route);
  const table = {
    list: () => feed.list(),
    watch: (wake: () => void) => feed.watch(wake),
  };
  return { put, table };
}

Deno.test("ListRoutes answers the ids of the findings about a route's destination or device, worst first", async () => {
  const dataPath = new MemoryDataPath();
  await using service = await openService(openFeed().table, dataPath);
  const findings = async () => {
    const text = JSON.stringify(await service.ask("ListRoutes", {}));
    return /"findings":(\[[^\]]*\])/.exec(text)?.[1];
  };
  assert.equal(await findings(), "[]", "nothing is known before the first diagnosis");
  dataPath.publish([
    finding("bridge-port", "critical", { device: "vxlan100" }),
    finding("route-shadowed", "critical", { destination: "10.42.2.0/24" }),
    finding("mtu-too-large", "warning", { device: "vxlan100" }),
    finding("device-down", "critical", { device: "wg0" }),
  ]);
  assert.equal(await findings(), '["bridge-port","route-shadowed","mtu-too-large"]');
});

Deno.test("WatchRoutes sends the routes whose findings have changed, and no other", async () => {
  const dataPath = new MemoryDataPath();
  const { put, table } = openFeed();
  put({ destination: cidr("10.42.3.0/24"), device: device("wg0") });
  await using service = await openService(table, dataPath);
  const watched = service.watch();
  const count = (messages: number) =>
    until(() => watched.messages.length === messages, {
      what: () => `${messages} messages, not ${JSON.stringify(watched.messages)}`,
    });
  await count(1);
  dataPath.publish([finding("bridge-port", "critical", { device: "vxlan100" })]);
  await count(2);
  dataPath.publish([]);
  await count(3);
  const one = (findings: readonly string[]) => ({
    complete: false,
    routes: [{ ...MESSAGE, findings }],
    removed: [],
  });
  const shown = JSON.parse(
    JSON.stringify(watched.messages.slice(1)),
    (key, value) => key === "since" ? MESSAGE.since : value,
  );
  assert.deepEqual(shown, [one(["bridge-port"]), one([])]);
  watched.cancel();
  await until(() => dataPath.listeners.size === 1, { what: "the end of the watch" });
});

Deno.test("ListRoutes answers all of 65,536 routes that wait for their device", async () => {
  const pending = { ...LISTED, pending: "Interface 'overlay-device0' not found" };
  const routes = Array.from({ length: 65_536 }, () => pending);
  await using service = await openService({ list: () => Promise.resolve(routes) });
  const connection = createClient({ authority: service.address, tls: undefined });
  const listed = await createSidecarReader(createUnaryCall(connection, 60_000))
    .listRoutes();
  connection.close();
  assert.ok(listed.ok, listed.ok ? "" : listed.fault.details);
  assert.equal(listed.value.routes.length, 65_536);
});

Deno.test("SyncRoutes passes on the routes, the peer and whether it is a dry run", async () => {
  const asked: unknown[] = [];
  await using service = await openService({
    sync: (routes, dryRun, { peer, rpc }) => {
      asked.push([routes, dryRun, rpc, /^127\.0\.0\.1:\d+$/.test(peer)]);
      return Promise.resolve(syncedOne("added", true));
    },
  });
  const routes = [{ destination: "10.42.2.0/24", device: "vxlan100" }];
  const answer = await service.ask("SyncRoutes", { routes, dry_run: true });
  assert.deepEqual(asked, [[routes, true, "SyncRoutes", true]]);
  assert.deepEqual(answer, {
    outcomes: [{
      destination: "10.42.2.0/24",
      kind: "ROUTE_OUTCOME_KIND_ADDED",
      detail: "",
    }],
    added: 1,
    removed: 0,
    unchanged: 0,
    pending: 0,
    refused: 0,
  });
});

const STATUSES: readonly (readonly [outcome: SyncOutcome, answer: RegExp])[] = [
  [
    { kind: "invalid", sentence: "routes[0]: no" },
    /^INVALID_ARGUMENT: routes\[0\]: no$/,
  ],
  [{ kind: "shutting-down" }, /^UNAVAILABLE: The sidecar is shutting down; /],
  [{ kind: "queue-full" }, /^RESOURCE_EXHAUSTED: Too many calls are waiting /],
  [{ kind: "caller-gone" }, /^CANCELLED: The client cancelled the call /],
];

for (const [outcome, answer] of STATUSES) {
  Deno.test(`SyncRoutes that is ${outcome.kind} ends with ${answer}`, async () => {
    await using service = await openService({ sync: () => Promise.resolve(outcome) });
    assert.match(String(await service.ask("SyncRoutes", { routes: [] })), answer);
    assert.equal(service.log.length, 1);
    assert.match(
      service.log[0] ?? "",
      /^WARN: SyncRoutes\(0 routes\) (refused|not executed): /,
    );
  });
}

Deno.test("SyncRoutes logs a few lines if it changed something, and a repeated refusal once", async () => {
  const outcomes = [
    syncedOne("refused", true),
    syncedOne("refused", false),
    syncedOne("added", true),
    syncedOne("refused", false),
  ].values();
  await using service = await openService({
    sync: () => Promise.resolve(outcomes.next().value ?? { kind: "shutting-down" }),
  });
  const refused = [
    "INFO: RPC: SyncRoutes(0 routes)",
    "WARN: 10.42.2.0/24 is directly connected",
    "INFO: Routes synced: 0 added, 0 removed, 0 unchanged, 0 pending, 1 refused",
  ];
  for (let call = 0; call < 2; call += 1) {
    await service.ask("SyncRoutes", { routes: [] });
  }
  assert.deepEqual(service.log, refused);
  for (let call = 0; call < 2; call += 1) {
    await service.ask("SyncRoutes", { routes: [] });
  }
  assert.deepEqual(service.log.slice(3), [
    "INFO: RPC: SyncRoutes(0 routes)",
    "INFO: Routes synced: 1 added, 0 removed, 0 unchanged, 0 pending, 0 refused",
    ...refused,
  ]);
});

/** A table whose changes the test pushes to its one watch. */
function pushedTable() {
  const waiting: RouteChanges[] = [];
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  let wake = (): void => {};
  const watch: RouteService["watch"] = (waken) => {
    wake = waken;
    opened.resolve();
    return {
      take: () => waiting.shift(),
      repeat: () => {},
      close: () => closed.resolve(),
    };
  };
  return {
    table: { watch },
    opened: opened.promise,
    closed: closed.promise,
    push: (changes: RouteChanges) => {
      waiting.push(changes);
      wake();
    },
  };
}

const ALL: RouteChanges = { complete: true, routes: [LISTED], removed: [] };

Deno.test("WatchRoutes sends all routes first, and closes its watch when its client is gone", async () => {
  const { closed, table, push } = pushedTable();
  await using service = await openService(table);
  const watched = service.watch();
  await until(() => {
    push(ALL);
    return watched.messages.length > 0;
  }, { what: "the first message" });
  assert.deepEqual(watched.messages[0], {
    complete: true,
    routes: [MESSAGE],
    removed: [],
  });
  watched.cancel();
  await closed;
});

Deno.test("WatchRoutes ends with UNAVAILABLE when the sidecar stops", async () => {
  const { closed, table, push } = pushedTable();
  await using service = await openService(table);
  const watched = service.watch();
  await until(() => {
    push(ALL);
    return watched.messages.length > 0;
  }, { what: "the first message" });
  service.streams.endAll();
  assert.match(await watched.end, /^UNAVAILABLE: The sidecar is shutting down/);
  await closed;
});

Deno.test("WatchRoutes ends after 65,536 changes, because its client may not be reading", async () => {
  const { closed, opened, table, push } = pushedTable();
  await using service = await openService(table);
  const watched = service.watch();
  await opened;
  const removed = Array.from({ length: 20_000 }, () => LISTED.route.destination);
  let over = false;
  watched.end.then(() => over = true);
  for (let sent = 1; !over; sent += 1) {
    push({ complete: false, routes: [], removed });
    await until(() => over || watched.messages.length === sent, {
      what: `message ${sent}, or the end of the watch`,
    });
  }
  assert.equal(
    await watched.end,
    "UNAVAILABLE: This watch has carried 65536 changes; watch again",
  );
  assert.equal(watched.messages.length, 3);
  await closed;
});

Deno.test("WatchRoutes ends each of 8 watches after 32,768 changes", async () => {
  const wakes: (() => void)[] = [];
  const changes: RouteChanges = {
    complete: false,
    routes: [],
    removed: Array.from({ length: 20_000 }, () => LISTED.route.destination),
  };
  await using service = await openService({
    watch: (wake) => {
      let left = 2;
      wakes.push(wake);
      return {
        take: () => left-- > 0 ? changes : undefined,
        repeat: () => {},
        close: () => {},
      };
    },
  });
  const watched = Array.from({ length: 8 }, () => service.watch());
  await until(() => wakes.length === 8, { what: "8 watches" });
  for (const wake of wakes) wake();
  assert.equal(
    await watched[0]?.end,
    "UNAVAILABLE: This watch has carried 32768 changes; watch again",
  );
  for (const each of watched) each.cancel();
});
