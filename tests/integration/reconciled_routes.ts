/** The routes on the test's own kernel with what repairs them, on a dataplane that loses. */
import assert from "node:assert/strict";
import type { Ipv4Cidr } from "../../src/ipam/cidr.ts";
import { ActivityRecord } from "../../src/reconcile/activity.ts";
import {
  DriftRepair,
  type RepairInstruments,
} from "../../src/reconcile/drift_repair.ts";
import { restore } from "../../src/reconcile/startup.ts";
import { TABLE_142 } from "../../src/state/table142_store.ts";
import { batch } from "../support/fixtures.ts";
import { until } from "../support/wait.ts";
import { LosingDataplane } from "./losing_dataplane.ts";
import { openRoutes, type RoutesUnderTest } from "./routes_harness.ts";

/** The routes and what repairs them. */
export interface ReconciledRoutes extends RoutesUnderTest {
  readonly dataplane: LosingDataplane;
  readonly repair: DriftRepair;
  /** Resolves once events come in: a watch takes a moment to begin. */
  receivesEvents(): Promise<void>;
  /** The lines that it logged. */
  readonly log: readonly string[];
}

/** How {@linkcode openReconciledRoutes} puts them together. */
export interface ReconciledOptions {
  /** Milliseconds between two resyncs. @default 30_000 */
  readonly resyncMs?: number;
  /** Follows events. @default true */
  readonly watches?: boolean;
  /** Resyncs now and then. @default true */
  readonly resyncs?: boolean;
  /** Where repairs are counted. @default nowhere */
  readonly instruments?: RepairInstruments;
}

/** Puts them together as `node.ts` does, and restores what an earlier process left. */
export async function openReconciledRoutes(
  options: ReconciledOptions = {},
): Promise<ReconciledRoutes> {
  const { resyncMs = 30_000, resyncs = true, watches = true } = options;
  const log: string[] = [];
  const logger = {
    log: (level: string, message: string) => void log.push(`${level}: ${message}`),
    flush: () => Promise.resolve(),
  };
  let losing: LosingDataplane | undefined;
  const markDirty = (to: Iterable<Ipv4Cidr>) => repair.markDirty(to);
  const routes = openRoutes({
    behind: (dataplane) => losing = new LosingDataplane(dataplane),
    resynced: false,
    markDirty,
  });
  if (losing === undefined) throw new Error("Cannot lose anything");
  const dataplane: LosingDataplane = losing;
  dataplane.losesDumps = !resyncs;
  const { desired, parts: { policy }, records: owner } = routes;
  const store = TABLE_142;
  const parts = {
    ...routes,
    ...options,
    dataplane,
    desired,
    owner,
    store,
    activity: new ActivityRecord(),
    logger,
    policy,
    resyncMs,
  };
  const repair = new DriftRepair(parts);
  let hasEvent = false;
  const watch = watches
    ? dataplane.watch((event) => {
      hasEvent ||= event.kind === "route";
      repair.onKernelEvent(event);
    })
    : undefined;
  const restored = await routes.queue.alone(() => restore(parts));
  assert.ok(restored.ok);
  return {
    ...routes,
    dataplane,
    repair,
    receivesEvents: () =>
      until(async () => {
        // Outside the cluster, so that it concerns no repair.
        await batch(["add", "del"].map((act) => `route ${act} 198.18.0.0/24 dev lo`));
        return hasEvent;
      }, { what: "an event" }).then(() => {}),
    log,
    [Symbol.asyncDispose]: async () => {
      watch?.close();
      await repair.close();
      await routes[Symbol.asyncDispose]();
    },
  };
}
