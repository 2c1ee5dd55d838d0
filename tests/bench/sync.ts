import { residentKiB } from "../e2e/processes.ts";
import { parseJsonObject, stringAt } from "../../deploy/json.ts";
import { addVxlan, makeNamespace, type Namespace } from "../support/namespace.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import {
  type BenchClient,
  connectBenchClient,
  startBenchClient,
} from "./bench_client.ts";
import { PEERS } from "./peers.ts";
import { describeMs, type Finding } from "./report.ts";
import { median } from "./statistics.ts";
import { startQuietServer } from "./quiet_server.ts";

const ROUNDS = 16;
const MANY = 10_000;
const MANY_ROUNDS = 5;

/** What SyncRoutes is sent. */
interface SyncRequest {
  readonly routes: readonly { readonly destination: string; readonly device: string }[];
  readonly dry_run: boolean;
}

const ALL = request(PEERS.map(({ destination }) => destination));
const NONE = request([]);

function request(destinations: readonly string[]): SyncRequest {
  const routes = destinations.map((destination) => ({
    destination,
    device: "vxlan100",
  }));
  return { routes, dry_run: false };
}

/** A whole set of routes in one call, beside 254 calls and beside `ip` alone. */
export async function measureSync(): Promise<readonly Finding[]> {
  return [...await measurePeers(), ...await measureMany()];
}

async function measurePeers(): Promise<readonly Finding[]> {
  await using namespace = await makeNamespace();
  await addVxlan(namespace);
  await using sidecar = await startSidecar(namespace);
  await using client = await connectBenchClient(namespace);
  const lines = await linesOf(sidecar, client, ALL);
  await warmUp(client);
  const times: Record<"sync" | "unchanged" | "calls" | "batch", number[]> = {
    sync: [],
    unchanged: [],
    calls: [],
    batch: [],
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    times.sync.push(await sync(client, ALL));
    times.unchanged.push(await sync(client, ALL));
    await sync(client, NONE);
    times.calls.push((await client.play("InjectRoute", PEERS)).elapsed);
    await sync(client, NONE);
    times.batch.push(await client.batch(lines));
    await flush(namespace);
  }
  const whole = median(times.sync);
  return [{
    what: "SyncRoutes, 254 new, to ip -batch of the same lines",
    value: whole / median(times.batch),
    unit: "×",
    limit: { kind: "at most", value: 4 },
    raw: `${describeMs(whole)} to ${describeMs(median(times.batch))}`,
  }, {
    what: "254 calls of InjectRoute, new, to one SyncRoutes",
    value: median(times.calls) / whole,
    unit: "×",
    limit: { kind: "at least", value: 10 },
    raw: `${describeMs(median(times.calls))} to ${describeMs(whole)}`,
  }, {
    what: "SyncRoutes, 254 unchanged",
    value: median(times.unchanged) / 1000,
    unit: "ms",
    raw: `${(times.unchanged.length)} rounds`,
  }];
}

async function sync(client: BenchClient, wanted: SyncRequest): Promise<number> {
  const { elapsed } = await client.play("SyncRoutes", [{ ...wanted }]);
  return elapsed;
}

/** The first look at everything comes a second after the start; V8 warms up meanwhile. */
async function warmUp(client: BenchClient): Promise<void> {
  const end = performance.now() + 1500;
  while (performance.now() < end) {
    await sync(client, ALL);
    await client.play("InjectRoute", PEERS);
    await sync(client, NONE);
  }
}

/** What the sidecar itself hands to `ip`, for prefixes and a table that are nobody's. */
async function linesOf(
  sidecar: Sidecar,
  client: BenchClient,
  wanted: SyncRequest,
): Promise<string> {
  const before = sidecar.audit.length;
  await sync(client, wanted);
  const records = await until(() => {
    const fresh = sidecar.audit.slice(before).filter(isChange);
    return fresh.length >= 2 * wanted.routes.length && fresh;
  }, { what: "the audit trail" });
  await sync(client, NONE);
  return records.map((line) => `${stringAt(parseJsonObject(line), "words")}\n`).join("")
    .replaceAll(" 10.", " 110.").replaceAll("table 142", "table 177");
}

/** Not the record of the start, which may come late. */
function isChange(record: string): boolean {
  return record.includes(`"words":`);
}

/** The same, of a sidecar that is there for nothing else. */
async function linesAlone(
  namespace: Namespace,
  options: readonly string[],
  wanted: SyncRequest,
): Promise<string> {
  await using sidecar = await startSidecar(namespace, { options });
  await using client = await connectBenchClient(namespace);
  return await linesOf(sidecar, client, wanted);
}

async function flush(namespace: Namespace): Promise<void> {
  await namespace.ip("route flush table 177");
  await namespace.ip("route flush root 110.0.0.0/8");
}

async function measureMany(): Promise<readonly Finding[]> {
  await using namespace = await makeNamespace();
  await addVxlan(namespace);
  const options = ["--cluster-cidr", "10.0.0.0/8"];
  const destinations = Array.from(
    { length: MANY },
    (_, at) => `10.${at >> 8}.${at & 255}.0/24`,
  );
  const all = request(destinations);
  const lines = await linesAlone(namespace, options, all);
  await using sidecar = startQuietServer(namespace, "src/main.ts", options);
  await using client = await startBenchClient(namespace);
  await client.firstAnswer({ destination: "10.42.1.0/24", via_interface: "vxlan100" });
  await client.connect();
  await warmUp(client);
  await sync(client, ALL);
  const few = residentKiB(sidecar.pid);
  const added: number[] = [];
  const unchanged: number[] = [];
  const batch: number[] = [];
  for (let round = 0; round < MANY_ROUNDS; round += 1) {
    await sync(client, NONE);
    batch.push(await client.batch(lines));
    await flush(namespace);
    await sidecar.rest();
    added.push(await sync(client, all));
    unchanged.push(await sync(client, all));
  }
  const many = residentKiB(sidecar.pid);
  return [{
    what: `SyncRoutes, ${MANY} new`,
    value: median(added) / 1000,
    unit: "ms",
    limit: { kind: "at most", value: 1000 },
    raw: `${describeMs(median(unchanged))} when they are there already`,
  }, {
    what: `SyncRoutes, ${MANY} new, to ip -batch of the same lines`,
    value: median(added) / median(batch),
    unit: "×",
    limit: { kind: "at most", value: 4 },
    raw: `${describeMs(median(added))} to ${describeMs(median(batch))}`,
  }, {
    what: `Resident memory, ${MANY} routes to 254`,
    value: many / few,
    unit: "×",
    limit: { kind: "at most", value: 2.5 },
    raw: `${Math.round(many / 1024)} MiB to ${Math.round(few / 1024)} MiB`,
  }];
}
