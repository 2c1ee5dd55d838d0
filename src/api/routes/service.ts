import { status } from "@grpc/grpc-js";
import type { Logger } from "../../observability/logger.ts";
import type { RouteTable, SyncOutcome } from "../../reconcile/route_table.ts";
import type { DescribedService } from "../described_service.ts";
import type { OpenStreams } from "../stream_limiter.ts";
import { done } from "../quilt_runtime/log_lines.ts";
import { describeSyncs, syncCall } from "./log_lines.ts";
import { toRouteMessage, toSyncMessage } from "./messages.ts";
import { watchRoutes } from "./watch.ts";
import { ROUTE_SERVICE, SIDECAR_FILE } from "../sidecar_package.ts";
import {
  type Reply,
  replyUndone,
  statusReply,
  unaryHandlers,
} from "../unary_handler.ts";
import {
  decodeSyncRoutesRequest,
  type ListRoutesResponse,
  type SyncRoutesRequest,
  type SyncRoutesResponse,
} from "./wire.ts";

/** `quilt.sidecar.v1.RouteService` over a node: its route table stated as a whole. */
export function createRouteService(
  table: RouteTable,
  streams: OpenStreams,
  logger: Logger,
): DescribedService {
  const unary = unaryHandlers(logger);
  return {
    file: SIDECAR_FILE,
    definition: ROUTE_SERVICE,
    implementation: {
      ListRoutes: unary({
        rpc: "ListRoutes",
        decode: () => undefined,
        carryOut: () => table.list(),
        describe: () => ({ kind: "other", text: "ListRoutes()" }),
        conclude: () => done(false),
        reply: (routes): Reply<ListRoutesResponse> => ({
          kind: "message",
          message: { routes: routes.map(toRouteMessage) },
        }),
      }),
      WatchRoutes: watchRoutes(table, streams, logger),
      SyncRoutes: unary<SyncRoutesRequest, SyncOutcome, SyncRoutesResponse>({
        rpc: "SyncRoutes",
        decode: decodeSyncRoutesRequest,
        carryOut: (request, call) => table.sync(request.routes, request.dry_run, call),
        describe: syncCall,
        conclude: describeSyncs(),
        reply: replyToSync,
      }),
    },
  };
}

function replyToSync(outcome: SyncOutcome): Reply<SyncRoutesResponse> {
  switch (outcome.kind) {
    case "synced":
      return { kind: "message", message: toSyncMessage(outcome) };
    case "invalid":
      return statusReply(status.INVALID_ARGUMENT, outcome.sentence);
    default:
      return replyUndone(outcome);
  }
}
