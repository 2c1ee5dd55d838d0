import type { Checked } from "../ipam/checked.ts";
import type { StatedRoute } from "../routes/route_set.ts";
import type { CallFault, Channel } from "./channel.ts";
import { ROUTE_SERVICE } from "./sidecar_package.ts";
import {
  decodeListRoutesResponse,
  decodeSyncRoutesResponse,
  decodeWatchRoutesResponse,
  type ListRoutesResponse,
  type SyncRoutesRequest,
  type SyncRoutesResponse,
  type WatchRoutesResponse,
} from "./wire_routes.ts";

/** `quilt.sidecar.v1.RouteService` */
export interface RouteCalls {
  listRoutes(): Promise<Checked<ListRoutesResponse, CallFault>>;
  /**
   * All routes, then what has changed, for as long as it is read.
   *
   * @throws {Error} when the sidecar ends it or is gone
   */
  watchRoutes(): AsyncGenerator<WatchRoutesResponse, void, void>;
  /** States the whole set; with `dryRun` only asks what would be done. */
  syncRoutes(
    routes: readonly StatedRoute[],
    dryRun?: boolean,
  ): Promise<Checked<SyncRoutesResponse, CallFault>>;
}

/** The calls of RouteService over a channel. */
export function routeCalls(channel: Channel): RouteCalls {
  return {
    listRoutes: () =>
      channel.call(ROUTE_SERVICE, "ListRoutes", {}, decodeListRoutesResponse),
    watchRoutes: () =>
      channel.stream(ROUTE_SERVICE, "WatchRoutes", {}, decodeWatchRoutesResponse),
    syncRoutes: (routes, dryRun = false) => {
      const request: SyncRoutesRequest = { routes, dry_run: dryRun };
      return channel.call(
        ROUTE_SERVICE,
        "SyncRoutes",
        request,
        decodeSyncRoutesResponse,
      );
    },
  };
}
