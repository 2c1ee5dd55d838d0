/** The routes on the test's own kernel with the reconciler, on a dataplane that loses. */
import type { Ipv4Cidr } from "../../src/ipam/cidr.ts";
import { Monitor } from "../../src/dataplane/iproute2/monitor.ts";
import { restore } from "../../src/reconcile/startup.ts";
import { DriftRepair } from "../../src/reconcile/drift_repair.ts";
import { cidr } from "../support/fixtures.ts";
import { LosingDataplane } from "./losing_dataplane.ts";
import { openRoutes, type RoutesUnderTest } from "./routes_harness.ts";

/** The routes and what repairs them. */
export interface ReconciledRoutes extends RoutesUnderTest {
  readonly dataplane: LosingDataplane;
  readonly reconciler: DriftRepair;
  /** The lines that it logged. */
  readonly log: readonly string[];
}

/** How {@linkcode openReconciledRoutes} puts them together. */
export interface ReconciledOptions {
  /** Milliseconds between two looks at everything. @default 30_000 */
  readonly resyncMs?: number;
  /** Hears events. @default true */
  readonly hears?: boolean;
  /** Looks at everything now and then. @default true */
  readonly surveys?: boolean;
}

/** Puts them together as `node.ts` does, and reads back what an earlier life left. */
export async function openReconciledRoutes(
  { hears = true, resyncMs = 30_000, surveys = true }: ReconciledOptions = {},
): Promise<ReconciledRoutes> {
  const log: string[] = [];
  const logger = {
    log: (level: string, message: string) => void log.push(`${level}: ${message}`),
    flush: () => Promise.resolve(),
  };
  let losing: LosingDataplane | undefined;
  const touch = (to: Iterable<Ipv4Cidr>) => reconciler.touch(to);
  const routes = openRoutes({
    behind: (dataplane) => losing = new LosingDataplane(dataplane),
    touch,
  });
  if (losing === undefined) throw new Error("Cannot lose anything");
  const dataplane: LosingDataplane = losing;
  dataplane.losesSurveys = !surveys;
  const { book: { ledger }, queue, snapshot } = routes;
  const policy = { clusterCidr: cidr("10.42.0.0/16"), nodePrefix: 24 };
  const parts = { dataplane, ledger, snapshot, queue, logger, policy, resyncMs };
  const reconciler = new DriftRepair(parts);
  const monitor = hears ? new Monitor((event) => reconciler.notice(event)) : undefined;
  await queue.alone(() => restore(parts));
  return {
    ...routes,
    dataplane,
    reconciler,
    log,
    [Symbol.asyncDispose]: async () => {
      monitor?.close();
      await reconciler.close();
      await routes[Symbol.asyncDispose]();
    },
  };
}
