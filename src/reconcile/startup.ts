import { answerOf, type Cause, type TableRoute } from "../dataplane/dataplane.ts";
import { type ClusterPolicy, isNodeCidr } from "../ipam/policy.ts";
import type { Logger } from "../observability/logger.ts";
import { OUR_PROTOCOL, TABLE_MAIN } from "../routing/kernel_route.ts";
import { countOf, listFew } from "../shared/quote.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { StateStore, StoredState } from "../state/store.ts";
import { isDesired } from "./decide.ts";
import type { DesiredState } from "./desired_state.ts";
import { repairKey } from "./drift_repair.ts";
import type { KernelCache } from "./kernel_cache.ts";
import type { Reconciler } from "./reconciler.ts";
import type { RecordOwner } from "./record_owner.ts";
import { type Repair, repairMessages } from "./repair_messages.ts";

const RESTORE: Cause = { rpc: "adopt", peer: "" };

/** The dependencies of the restore. */
export interface RestoreParts {
  readonly store: StateStore;
  readonly reconciler: Reconciler;
  /** Empty at first. */
  readonly desired: DesiredState;
  readonly cache: KernelCache;
  readonly owner: RecordOwner;
  readonly policy: ClusterPolicy;
  readonly logger: Logger;
}

/**
 * Restores the state that an earlier process left in the kernel, and repairs it: routes that
 * the main table lost in the meantime, and pending routes whose device exists now.
 *
 * @returns whether anything was restored, or one sentence if the kernel cannot be read
 */
export async function restore(parts: RestoreParts): Promise<Result<boolean, string>> {
  const { cache, desired, logger, owner, policy, reconciler, store } = parts;
  const reply = await reconciler.read([
    { command: { kind: "own-routes" } },
    { command: { kind: "rules" } },
  ]);
  if (reply.kind === "lost") {
    return err(`Cannot read the kernel's routes: ${reply.why}`);
  }
  const [first, rules] = reply.results;
  const ours = answerOf(first, "table")?.routes;
  if (ours === undefined) {
    const why = first?.ok === false ? first.failure.message : "no answer";
    return err(`Cannot read the kernel's routes: ${why}`);
  }
  cache.learnRules(answerOf(rules, "rules")?.hiding ?? true);
  const state = store.load(ours);
  const { cleanUp, summary, warnings } = owner.restore(state);
  restoreRoutes(desired, cache, policy, { ours, state });
  const routes = desired.routes();
  const found = routes.length > 0 || summary.length > 0;
  logger.log("info", describeRestored(routes.length, summary));
  for (const warning of warnings) logger.log("warn", warning);
  const outside = outsideOf(policy, { ours, state });
  if (outside.length > 0) logger.log("warn", describeOutside(outside, policy));
  const repairs: Repair[] = [];
  const keys = routes.filter(({ status }) => status.kind === "unverified").flatMap(
    ({ route }) =>
      repairKey(route.destination, parts, RESTORE, (repair) => repairs.push(repair)) ??
        [],
  );
  await reconciler.reconcile([...cleanUp, ...keys]);
  for (const line of repairMessages(repairs)) {
    logger.log(line.level, line.message, line.fields);
  }
  return ok(found);
}

/** Our routes in the kernel, and the records among them. */
export interface Found {
  readonly ours: readonly TableRoute[];
  readonly state: StoredState;
}

/**
 * Fills the desired state from the records. A route is installed if the main table has
 * exactly the requested route, and unverified otherwise.
 */
export function restoreRoutes(
  desired: DesiredState,
  cache: KernelCache,
  policy: ClusterPolicy,
  { ours, state }: Found,
): void {
  const inMain = Map.groupBy(
    ours.map(({ route }) => route).filter(({ destination, table }) =>
      table === TABLE_MAIN && isNodeCidr(destination, policy)
    ),
    ({ destination }) => destination,
  );
  for (const record of state.routes) {
    const { route } = record;
    if (!isNodeCidr(route.destination, policy)) continue;
    const [found, ...others] = inMain.get(route.destination) ?? [];
    // Callers would wait if each of 254 unchanged routes were observed.
    const isInstalled = found !== undefined && others.length === 0 &&
      isDesired(found, route);
    desired.restore(record, isInstalled);
  }
  for (const [destination, routes] of inMain) {
    // One look-up shows only the best of them.
    if (routes.length > 1) cache.markOccupied(destination);
    const device = routes.find((route) => route.device !== undefined)?.device;
    if (device === undefined || desired.get(destination) !== undefined) continue;
    if (destination === desired.ownSubnet) continue;
    // Without a record: its removal was interrupted, or the record was lost.
    const route = { destination, device };
    desired.put({ route, persisted: false, status: { kind: "unverified" } });
  }
}

/**
 * Routes with our protocol number that are not for a node of this cluster. They come from a
 * start with other options, or from another program that uses the number. No call can name
 * them, so they are not changed.
 */
export function outsideOf(
  policy: ClusterPolicy,
  { ours, state }: Found,
): readonly string[] {
  const recorded = new Set([
    ...state.subnets.map(({ subnet }) => subnet),
    ...state.routes.map(({ route }) => route.destination),
  ]);
  const outside = ours.map(({ route }) => route).filter(({ destination, table }) =>
    !isNodeCidr(destination, policy) &&
    (table === TABLE_MAIN || recorded.has(destination))
  );
  return [...new Set(outside.map(({ destination }) => destination))];
}

/** The sentence about them, with the command that shows them. */
export function describeOutside(
  outside: readonly string[],
  { clusterCidr, nodePrefix }: ClusterPolicy,
): string {
  const routes = countOf(outside.length, "route");
  const verb = outside.length === 1 ? "does" : "do";
  return `Ignored ${routes} of protocol ${OUR_PROTOCOL} that ${verb} not match ` +
    `--cluster-cidr ${clusterCidr} and --node-prefix ${nodePrefix}: ` +
    `${listFew(outside)}; ` +
    `list them with: ip route show table all proto ${OUR_PROTOCOL}`;
}

function describeRestored(routes: number, summary: readonly string[]): string {
  if (routes === 0 && summary.length === 0) {
    return "No saved state in the kernel; starting empty";
  }
  const [subnet = "node subnet not configured", ...rest] = summary;
  return `Restored from the kernel: ${
    [subnet, countOf(routes, "route"), ...rest].join(", ")
  }`;
}
