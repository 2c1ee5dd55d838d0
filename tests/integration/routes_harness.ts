/** The routes and the addresses on the test's own kernel, without what repairs them. */
import assert from "node:assert/strict";
import { AddressCalls } from "../../src/addresses/address_calls.ts";
import { NetworkRecords } from "../../src/addresses/network_records.ts";
import { NetworkState } from "../../src/addresses/network_state.ts";
import { checkClusterPolicy } from "../../src/ipam/policy.ts";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import { answerOf, type Dataplane } from "../../src/dataplane/dataplane.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import type { LineWriter } from "../../src/observability/buffered_line_writer.ts";
import type { DesiredState } from "../../src/reconcile/desired_state.ts";
import { KernelCache } from "../../src/reconcile/kernel_cache.ts";
import type {
  InjectOutcome,
  RemoveOutcome,
  SyncOutcome,
} from "../../src/reconcile/ports.ts";
import { Reconciler } from "../../src/reconcile/reconciler.ts";
import { RouteCalls, type RouteCallsParts } from "../../src/reconcile/route_calls.ts";
import { StatusFeed } from "../../src/reconcile/status_feed.ts";
import { WorkQueue } from "../../src/reconcile/work_queue.ts";
import { decode, entryOf } from "../../src/state/table142_codec.ts";
import { TABLE_142 } from "../../src/state/table142_store.ts";
import type { StatedRoute } from "../../src/routing/route_set.ts";
import { type AuditLines, collectAuditLog } from "../support/fixtures.ts";
import { caller } from "./node_harness.ts";

/** The routes and what the test does to them. */
export interface RoutesUnderTest extends AsyncDisposable {
  /** The dataplane of the node, not the real one behind it. */
  readonly dataplane: Dataplane;
  readonly parts: RouteCallsParts;
  readonly desired: DesiredState;
  readonly cache: KernelCache;
  readonly queue: WorkQueue;
  readonly reconciler: Reconciler;
  readonly records: NetworkRecords;
  readonly network: AddressCalls;
  readonly state: NetworkState;
  readonly routes: RouteCalls;
  readonly trail: AuditLines;
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
  /** @default 24 */
  readonly nodePrefix?: number;
  /** Stands between the node and the real dataplane. */
  readonly behind?: (dataplane: Dataplane) => Dataplane;
  /** False: as before the first resync. @default true */
  readonly resynced?: boolean;
  /** Receives the unfinished keys of calls; without it they are dropped. */
  readonly markDirty?: RouteCallsParts["markDirty"];
  /** Takes the audit log in place of the one that is kept in memory. */
  readonly sink?: LineWriter;
  /** Milliseconds for an `ip` that answers nothing. @default 2000 */
  readonly deadlineMs?: number;
  /** Called when `ip` no longer answers, and when it does again. */
  readonly onReach?: (fault: string | undefined) => void;
}

/** Puts the core together as `node.ts` does. */
export function openRoutes(options: RoutesOptions = {}): RoutesUnderTest {
  const { behind = (dataplane) => dataplane, clusterCidr = "10.42.0.0/16" } = options;
  const { markDirty = () => {}, nodePrefix = 24 } = options;
  const checked = checkClusterPolicy(clusterCidr, nodePrefix);
  assert.ok(checked.ok);
  const policy = checked.value;
  const trail = collectAuditLog();
  const { deadlineMs, onReach } = options;
  const real = new Iproute2Dataplane(new AuditLog(options.sink ?? trail), {
    onReach,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  });
  const dataplane = behind(real);
  const feed = new StatusFeed();
  const { desired } = feed;
  const cache = new KernelCache();
  if (options.resynced ?? true) cache.learnAll([]);
  const reconciler = new Reconciler({ dataplane, cache, store: TABLE_142 });
  const queue = new WorkQueue((keys) => reconciler.reconcile(keys));
  const shared = { policy, desired, cache, reconciler, queue };
  const parts = { ...shared, feed, markDirty };
  const state = new NetworkState(TABLE_142, policy.clusterCidr, 1);
  const routes = new RouteCalls(parts);
  feed.open();
  let taken = 0;
  return {
    dataplane,
    parts,
    desired,
    cache,
    queue,
    reconciler,
    records: new NetworkRecords(state, desired, policy),
    network: new AddressCalls({ ...shared, state }),
    state,
    routes,
    trail,
    sync: async (stated, dryRun = false) =>
      describe(await routes.sync(stated, dryRun, caller("SyncRoutes"))),
    inject: (destination, via = "vxlan100") =>
      routes.injectRoute(destination, via, caller("InjectRoute")),
    remove: (destination) => routes.removeRoute(destination, caller("RemoveRoute")),
    mutations: () => {
      const fresh = trail.records.slice(taken).map((record) => String(record["words"]));
      taken = trail.records.length;
      return fresh;
    },
    ours: () => oursIn(real),
    [Symbol.asyncDispose]: async () => {
      await queue.close();
      await real.close();
    },
  };
}

function describe(outcome: SyncOutcome): readonly string[] {
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
      ? `record ${destination} ${entry.route.device}`
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
    `record ${destination} ${device}`,
  ]).toSorted();
}
