import {
  answerOf,
  type Dataplane,
  type OperationResult,
} from "../dataplane/dataplane.ts";
import { type Ipv4Cidr, prefixLength } from "../ipam/cidr.ts";
import type { ClusterPolicy } from "../ipam/policy.ts";
import { type KernelRoute, TABLE_MAIN } from "../routing/kernel_route.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { RouteRecord, StateStore, StoredState } from "../state/store.ts";
import { isDesired } from "./decide.ts";
import type { DesiredState } from "./desired_state.ts";
import type { RecordOwner } from "./record_owner.ts";

/** The result of a full resync; only hints, because it runs beside the queue. */
export interface Drift {
  /** Destinations with a route that is not the one we would write. */
  readonly conflicting: ReadonlySet<Ipv4Cidr>;
  /** Destinations that may have drifted. */
  readonly drifted: readonly Ipv4Cidr[];
  /** Prefixes whose record is missing from the store or differs. */
  readonly missing: readonly Ipv4Cidr[];
  /** A look-up may miss a route of the main table. */
  readonly rulesMayHide: boolean;
}

/** The dependencies of the resync. */
export interface ResyncParts {
  readonly dataplane: Dataplane;
  readonly store: StateStore;
  readonly desired: DesiredState;
  readonly owner: RecordOwner;
  readonly policy: ClusterPolicy;
}

/**
 * Compares all our routes and records, and all routes of the cluster CIDR, with the desired
 * state.
 *
 * @returns why the kernel could not be read, if it could not
 */
export async function resync(parts: ResyncParts): Promise<Result<Drift, string>> {
  const { dataplane, desired, owner, policy, store } = parts;
  const dump = await dataplane.dump([
    { kind: "own-routes" },
    { kind: "routes-within", cluster: policy.clusterCidr },
    { kind: "rules" },
  ]);
  if (dump.kind === "lost") return err(dump.why);
  const { results } = dump;
  const ours = answerOf(results[0], "table")?.routes;
  const within = answerOf(results[1], "routes")?.routes;
  if (ours === undefined || within === undefined) return err(describeFailure(results));
  const state = store.load(ours);
  const outdated = outdatedClaims(desired, state).map(({ route }) => route.destination);
  const missing = [
    ...missingRoutes(desired, state),
    ...owner.suspects(state),
    ...outdated,
  ];
  desired.ageStale();
  const routes = within.filter(({ table }) => table === TABLE_MAIN);
  const rulesMayHide = answerOf(results[2], "rules")?.hiding ?? true;
  return ok({ ...compare(desired, policy, routes), missing, rulesMayHide });
}

function describeFailure(results: readonly OperationResult[]): string {
  const failed = results.find((result) => !result.ok);
  return failed?.ok === false ? failed.failure.message : "no answer";
}

/** The destinations of desired routes for which the store has no such record. */
export function missingRoutes(
  desired: DesiredState,
  { routes }: StoredState,
): readonly Ipv4Cidr[] {
  const devices = new Map(routes.map(({ route }) => [route.destination, route.device]));
  return desired.routes().map(({ route }) => route)
    .filter(({ destination, device }) => devices.get(destination) !== device)
    .map(({ destination }) => destination);
}

/**
 * The records to write so that the next start knows which routes the agent has not
 * requested. No call writes them, because a call for an installed route writes nothing to
 * the kernel, and a moment after the agent's start all routes are stale. After two resyncs
 * only the routes of nodes that left are stale, and these are few.
 */
export function outdatedClaims(
  desired: DesiredState,
  { routes }: StoredState,
): readonly RouteRecord[] {
  return routes.flatMap((record): readonly RouteRecord[] => {
    const { claimed, route: { destination, device } } = record;
    const isCurrent = desired.get(destination)?.route.device === device &&
      !desired.isPendingDeletion(destination);
    const claim = desired.claimToPersist(destination) ?? claimed;
    return isCurrent && claim !== claimed ? [{ ...record, claimed: claim }] : [];
  });
}

function compare(
  desired: DesiredState,
  policy: ClusterPolicy,
  routes: readonly KernelRoute[],
): Pick<Drift, "conflicting" | "drifted"> {
  const conflicting = new Set<Ipv4Cidr>();
  const installed = new Set<Ipv4Cidr>();
  for (const found of routes) {
    const { destination, device } = found;
    if (prefixLength(destination) !== policy.nodePrefix) continue;
    // A route that no client asked for is in the way, unless it is just as we would write it.
    const route = desired.get(destination)?.route ??
      (device === undefined ? undefined : { destination, device });
    const isOurs = route !== undefined && isDesired(found, route);
    (isOurs ? installed : conflicting).add(destination);
  }
  const drifted = desired.routes().filter(({ route: { destination }, status }) =>
    !installed.has(destination) || conflicting.has(destination) ||
    status.kind === "error"
  ).map(({ route }) => route.destination);
  return {
    conflicting,
    drifted: [...new Set([...drifted, ...desired.pendingDeletions()])],
  };
}
