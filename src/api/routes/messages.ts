import type {
  ListedRoute,
  RouteNews,
  RouteOutcome,
  SyncOutcome,
} from "../../reconcile/route_table.ts";
import type {
  OutcomeKindName,
  RouteMessage,
  RouteOutcomeMessage,
  SyncRoutesResponse,
  WatchRoutesResponse,
} from "./wire.ts";

/** A wanted route as it goes over the wire. */
export function toRouteMessage(listed: ListedRoute): RouteMessage {
  const { confirmed, pending, route, sinceMs } = listed;
  const seconds = Math.floor(sinceMs / 1000);
  return {
    destination: route.destination,
    device: route.device,
    state: pending === "" ? "ROUTE_STATE_INSTALLED" : "ROUTE_STATE_PENDING",
    reason: pending,
    since: { seconds, nanos: (sinceMs - seconds * 1000) * 1e6 },
    confirmed,
  };
}

/** What a watcher is told. */
export function toWatchMessage(
  { complete, removed, routes }: RouteNews,
): WatchRoutesResponse {
  return { complete, routes: routes.map(toRouteMessage), removed };
}

/** What became of a SyncRoutes. */
export function toSyncMessage(
  { counts, outcomes }: Extract<SyncOutcome, { kind: "synced" }>,
): SyncRoutesResponse {
  return { ...counts, outcomes: outcomes.map(toOutcomeMessage) };
}

function toOutcomeMessage(
  { destination, detail, kind }: RouteOutcome,
): RouteOutcomeMessage {
  return { destination, kind: KIND_NAMES[kind], detail };
}

const KIND_NAMES: Readonly<Record<RouteOutcome["kind"], OutcomeKindName>> = {
  added: "ROUTE_OUTCOME_KIND_ADDED",
  removed: "ROUTE_OUTCOME_KIND_REMOVED",
  unchanged: "ROUTE_OUTCOME_KIND_UNCHANGED",
  pending: "ROUTE_OUTCOME_KIND_PENDING",
  refused: "ROUTE_OUTCOME_KIND_REFUSED",
};
