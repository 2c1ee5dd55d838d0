import { status } from "@grpc/grpc-js";
import type {
  ListedRoute,
  RouteChanges,
  RouteOutcome,
  SyncOutcome,
} from "../../reconcile/ports.ts";
import type { ListRoutesResponse } from "../gen/quilt/sidecar/v1/ListRoutesResponse.ts";
import type { Route } from "../gen/quilt/sidecar/v1/Route.ts";
import type { RouteOutcome as RouteOutcomeMessage } from "../gen/quilt/sidecar/v1/RouteOutcome.ts";
import type { RouteOutcomeKind } from "../gen/quilt/sidecar/v1/RouteOutcomeKind.ts";
import type { SyncRoutesResponse } from "../gen/quilt/sidecar/v1/SyncRoutesResponse.ts";
import type { WatchRoutesResponse } from "../gen/quilt/sidecar/v1/WatchRoutesResponse.ts";
import type { CurrentFindings } from "../data_path/current_findings.ts";
import { toTimestamp } from "../times.ts";
import { notExecutedReply, type Reply, statusReply } from "../unary_handler.ts";

/** The ids of the findings about a route, worst first. */
type FindingsOfRoutes = Pick<CurrentFindings, "ofRoute">;

/** The answer to a ListRoutes. */
export function toListReply(
  routes: readonly ListedRoute[],
  findings: FindingsOfRoutes,
): Reply<ListRoutesResponse> {
  return { kind: "message", message: { routes: toRouteMessages(routes, findings) } };
}

/** A message of WatchRoutes. */
export function toWatchMessage(
  { complete, removed, routes }: RouteChanges,
  findings: FindingsOfRoutes,
): WatchRoutesResponse {
  const messages = toRouteMessages(routes, findings);
  return { complete, routes: messages, removed: [...removed] };
}

/** The answer to a SyncRoutes. */
export function toSyncReply(outcome: SyncOutcome): Reply<SyncRoutesResponse> {
  switch (outcome.kind) {
    case "synced": {
      const outcomes = outcome.outcomes.map(toOutcomeMessage);
      return { kind: "message", message: { ...outcome.counts, outcomes } };
    }
    case "invalid":
      return statusReply(status.INVALID_ARGUMENT, outcome.sentence);
    default:
      return notExecutedReply(outcome);
  }
}

function toRouteMessages(
  routes: readonly ListedRoute[],
  findings: FindingsOfRoutes,
): Route[] {
  return routes.map(({ confirmed, pending, route, sinceMs }) => ({
    destination: route.destination,
    device: route.device,
    state: pending === "" ? "ROUTE_STATE_INSTALLED" : "ROUTE_STATE_PENDING",
    reason: pending,
    since: toTimestamp(sinceMs),
    confirmed,
    findings: [...findings.ofRoute(route)],
  }));
}

function toOutcomeMessage(
  { destination, detail, kind }: RouteOutcome,
): RouteOutcomeMessage {
  return { destination, kind: KINDS[kind], detail };
}

const KINDS: Readonly<Record<RouteOutcome["kind"], RouteOutcomeKind>> = {
  added: "ROUTE_OUTCOME_KIND_ADDED",
  removed: "ROUTE_OUTCOME_KIND_REMOVED",
  unchanged: "ROUTE_OUTCOME_KIND_UNCHANGED",
  pending: "ROUTE_OUTCOME_KIND_PENDING",
  refused: "ROUTE_OUTCOME_KIND_REFUSED",
};
