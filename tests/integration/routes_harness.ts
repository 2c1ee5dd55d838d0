/** The node's routes as a whole on the test's own kernel, without the reconciler. */
import assert from "node:assert/strict";
import { checkClusterPolicy } from "../../src/ipam/policy.ts";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import { answerOf, type Dataplane } from "../../src/dataplane/dataplane.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import type { LineWriter } from "../../src/observability/buffered_line_writer.ts";
import { BridgePorts } from "../../src/reconcile/bridge_ports.ts";
import { QueuedRoutes } from "../../src/reconcile/queued_routes.ts";
import { StatusFeed } from "../../src/reconcile/status_feed.ts";
import { RouteKeeper } from "../../src/reconcile/route_keeper.ts";
import type { RouteParts } from "../../src/reconcile/route_parts.ts";
import { KernelCache } from "../../src/reconcile/kernel_cache.ts";
import { WorkQueue } from "../../src/reconcile/work_queue.ts";
import type {
  InjectOutcome,
  RemoveOutcome,
  SyncOutcome,
} from "../../src/reconcile/ports.ts";
import { decode, entryOf } from "../../src/state/table142_codec.ts";
import type { StatedRoute } from "../../src/routing/route_set.ts";
import { cidr, device, keepTrail, type KeptTrail } from "../support/fixtures.ts";
import { caller } from "./node_harness.ts";

/** The routes and what the test does to them. */
export interface RoutesUnderTest extends AsyncDisposable {
  /** The dataplane of the node, not the real one behind it. */
  readonly dataplane: Dataplane;
  readonly routes: QueuedRoutes;
  readonly book: StatusFeed;
  readonly snapshot: KernelCache;
  readonly queue: WorkQueue;
  readonly trail: KeptTrail;
  /** SyncRoutes; each outcome as `added 10.42.2.0/24`, with its detail behind a colon. */
  sync(stated: readonly StatedRoute[], dryRun?: boolean): Promise<readonly string[]>;
  inject(destination: string, via?: string): Promise<InjectOutcome>;
  remove(destination: string): Promise<RemoveOutcome>;
  /** The words of the mutations since the last call of this. */
  mutations(): readonly string[];
  /** What of ours the kernel shows: `main 10.42.2.0/24 vxlan100`, sorted. */
  ours(): Promise<readonly string[]>;
}

/** How {@linkcode openRoutes} puts them together. */
export interface RoutesOptions {
  readonly clusterCidr?: string;
  /** Stands between the node and the real dataplane. */
  readonly behind?: (dataplane: Dataplane) => Dataplane;
  /** False: as before the first look at everything. @default true */
  readonly surveyed?: boolean;
  /** Takes what calls could not finish; nobody does otherwise. */
  readonly touch?: RouteParts["touch"];
  /** Takes the audit trail in place of the one that is kept in memory. */
  readonly sink?: LineWriter;
  /** Milliseconds for an `ip` without a sign of life. @default 2000 */
  readonly deadlineMs?: number;
  /** Told when `ip` no longer answers, and when it does again. */
  readonly onReach?: (fault: string | undefined) => void;
}

/** Puts the middle together as `node.ts` does. */
export function openRoutes(options: RoutesOptions = {}): RoutesUnderTest {
  const { behind = (dataplane) => dataplane, clusterCidr = "10.42.0.0/16" } = options;
  const { touch = () => {} } = options;
  const policy = checkClusterPolicy(clusterCidr, 24);
  assert.ok(policy.ok);
  const trail = keepTrail();
  const { deadlineMs, onReach } = options;
  const real = new Iproute2Dataplane(new AuditLog(options.sink ?? trail), {
    onReach,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  });
  const dataplane = behind(real);
  const book = new StatusFeed();
  const { ledger } = book;
  const snapshot = new KernelCache();
  if (options.surveyed ?? true) snapshot.survey([]);
  const parts = {
    dataplane,
    ledger,
    snapshot,
    bridges: new BridgePorts(dataplane),
    touch,
  };
  const keeper = new RouteKeeper(parts);
  const queue = new WorkQueue((jobs) => keeper.carryOut(jobs));
  const routes = new QueuedRoutes({ ...parts, book, queue, policy: policy.value });
  book.open();
  let told = 0;
  return {
    dataplane,
    routes,
    book,
    snapshot,
    queue,
    trail,
    sync: async (stated, dryRun = false) =>
      tell(await routes.sync(stated, dryRun, caller("SyncRoutes"))),
    inject: (destination, via = "vxlan100") => {
      const { promise, resolve } = Promise.withResolvers<InjectOutcome>();
      const wanted = { destination: cidr(destination), device: device(via) };
      queue.push({ kind: "inject", wanted, call: caller("InjectRoute"), resolve });
      return promise;
    },
    remove: (text) => {
      const { promise, resolve } = Promise.withResolvers<RemoveOutcome>();
      const destination = cidr(text);
      queue.push({ kind: "remove", destination, call: caller("RemoveRoute"), resolve });
      return promise;
    },
    mutations: () => {
      const fresh = trail.records.slice(told).map((record) => String(record["words"]));
      told = trail.records.length;
      return fresh;
    },
    ours: () => oursIn(real),
    [Symbol.asyncDispose]: async () => {
      await queue.close();
      await real.close();
    },
  };
}

function tell(outcome: SyncOutcome): readonly string[] {
  if (outcome.kind !== "synced") {
    return ["sentence" in outcome ? outcome.sentence : outcome.kind];
  }
  const counted = Object.values(outcome.counts).reduce((sum, count) => sum + count, 0);
  assert.equal(counted, outcome.outcomes.length);
  return outcome.outcomes.map(({ destination, detail, kind }) =>
    `${kind} ${destination}${detail === "" ? "" : `: ${detail}`}`
  );
}

async function oursIn(dataplane: Dataplane): Promise<readonly string[]> {
  const reply = await dataplane.run([{ command: { kind: "own-routes" } }]);
  assert.equal(reply.kind, "answered");
  const result = reply.kind === "answered" ? reply.results[0] : undefined;
  const entries = answerOf(result, "table")?.routes;
  assert.ok(entries !== undefined);
  return entries.map((found) => {
    const { destination, device } = found.route;
    const kept = entryOf(found);
    if (kept === undefined) return `main ${destination} ${device}`;
    const entry = decode(kept);
    return entry.kind === "route"
      ? `memory ${destination} ${entry.route.device}`
      : `${entry.kind} ${destination}`;
  }).toSorted();
}

/** Routes to 10.42.FIRST.0/24 and so on, through one device; 256 is 10.43.0.0/24. */
export function peers(
  first: number,
  count: number,
  through = "vxlan100",
): readonly StatedRoute[] {
  return Array.from({ length: count }, (_, at) => {
    const octets = first + at;
    const destination = `10.${42 + Math.floor(octets / 256)}.${octets % 256}.0/24`;
    return { destination, device: through };
  });
}

/** What the kernel must show when just these routes are installed. */
export function shown(stated: readonly StatedRoute[]): readonly string[] {
  return stated.flatMap(({ destination, device }) => [
    `main ${destination} ${device}`,
    `memory ${destination} ${device}`,
  ]).toSorted();
}
