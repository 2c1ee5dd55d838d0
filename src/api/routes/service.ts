import { status } from "@grpc/grpc-js";
import type { Logger } from "../../observability/logger.ts";
import type { RouteChanges, RouteService } from "../../reconcile/ports.ts";
import type { ServedService } from "../../shared/served_service.ts";
import { succeeded } from "../call_messages.ts";
import type { RouteServiceHandlers } from "../gen/quilt/sidecar/v1/RouteService.ts";
import type { WatchRoutesResponse } from "../gen/quilt/sidecar/v1/WatchRoutesResponse.ts";
import { LatestValueStream } from "../latest_value_stream.ts";
import type { CurrentFindings } from "../data_path/current_findings.ts";
import { ROUTE_SERVICE } from "../proto_registry.ts";
import type { StreamLimiter } from "../stream_limiter.ts";
import { unaryHandlers } from "../unary_handler.ts";
import { WatchBudget } from "../watch_budget.ts";
import { syncCall, syncResults } from "./log_lines.ts";
import { toListReply, toSyncReply, toWatchMessage } from "./messages.ts";

/** The findings about a route, and when they change. */
export type RouteFindings = Pick<CurrentFindings, "ofRoute" | "watch">;

/** `quilt.sidecar.v1.RouteService` over a node: all its routes at once. */
export function createRouteService(
  table: RouteService,
  findings: RouteFindings,
  streams: StreamLimiter,
  logger: Logger,
): ServedService {
  const unary = unaryHandlers(logger);
  const implementation: RouteServiceHandlers = {
    ListRoutes: unary({
      rpc: "ListRoutes",
      execute: () => table.list(),
      describeCall: () => ({ kind: "other", text: "ListRoutes()" }),
      describeResult: () => succeeded(false),
      reply: (routes) => toListReply(routes, findings),
    }),
    WatchRoutes: watchRoutes(table, findings, streams, logger),
    SyncRoutes: unary({
      rpc: "SyncRoutes",
      execute: (request, call) => table.sync(request.routes, request.dry_run, call),
      describeCall: syncCall,
      describeResult: syncResults(),
      reply: toSyncReply,
    }),
  };
  return { definition: ROUTE_SERVICE, implementation, logCounts: unary.logCounts };
}

/** Milliseconds between two messages of a watch. */
const INTERVAL_MS = 50;

/** How many changes one watch carries at most, some 4 MB. */
const MAX_CHANGES = 65_536;
const MAX_CHANGES_OF_ALL = 262_144;

/** WatchRoutes: all routes first, then the changes, each route in its latest state. */
function watchRoutes(
  table: RouteService,
  findings: RouteFindings,
  streams: StreamLimiter,
  logger: Logger,
): RouteServiceHandlers["WatchRoutes"] {
  const budget = new WatchBudget(MAX_CHANGES, MAX_CHANGES_OF_ALL);
  return (stream) => {
    if (!streams.admit(stream)) return;
    logger.log("debug", "RPC: WatchRoutes()", {
      rpc: "WatchRoutes",
      peer: stream.getPeer(),
    });
    const allowance = budget.open();
    const watch = table.watch(() => responses.wake());
    const takeLatest = (): WatchRoutesResponse | undefined => {
      const changes = watch.take();
      if (changes === undefined) return undefined;
      const limit = allowance.exceeds(countChanges(changes));
      if (limit === undefined) return toWatchMessage(changes, findings);
      watch.close();
      const details = `This watch has carried ${limit} changes; watch again`;
      stream.emit("error", { code: status.UNAVAILABLE, details });
      return undefined;
    };
    const responses = new LatestValueStream(stream, takeLatest, INTERVAL_MS);
    const unwatchFindings = findings.watch((isChanged) => watch.repeat(isChanged));
    stream.once("cancelled", () => {
      allowance.close();
      unwatchFindings();
      watch.close();
    });
  };
}

/** The first message, with all routes, does not count. */
function countChanges({ complete, removed, routes }: RouteChanges): number {
  return complete ? 0 : routes.length + removed.length;
}
