import { type handleServerStreamingCall, status } from "@grpc/grpc-js";
import type { Logger } from "../../observability/logger.ts";
import type { RouteNews, RouteTable } from "../../reconcile/route_table.ts";
import { NewestWriter } from "../latest_value_stream.ts";
import type { OpenStreams } from "../stream_limiter.ts";
import { toWatchMessage } from "./messages.ts";
import type { WatchRoutesResponse } from "./wire.ts";

/** After each message changes are gathered for so long, in milliseconds. */
const GATHER_MS = 50;

/**
 * Changes that one watch carries, some 4 MB. Deno 2.9.3 takes every message off a
 * stream, whether or not its client reads, and holds it in memory (measured): a client
 * that does not read is given up then, and one that does watches anew.
 */
const MOST_CHANGES = 65_536;
/** Where there are more than a few watches, each carries its share of so many. */
const CHANGES_OF_ALL = 262_144;

/** WatchRoutes: all routes, then what has changed, each route at its newest. */
export function watchRoutes(
  table: RouteTable,
  streams: OpenStreams,
  logger: Logger,
): handleServerStreamingCall<unknown, WatchRoutesResponse> {
  let open = 0;
  return (stream) => {
    if (!streams.admit(stream)) return;
    logger.log("debug", "RPC: WatchRoutes()");
    open += 1;
    let carried = 0;
    const watch = table.watch(() => writer.wake());
    const writer = new NewestWriter<WatchRoutesResponse>(stream, () => {
      const news = watch.take();
      if (news === undefined) return undefined;
      carried += changesIn(news);
      const most = Math.min(MOST_CHANGES, Math.floor(CHANGES_OF_ALL / open));
      if (carried <= most) return toWatchMessage(news);
      watch.close();
      const details = `This watch has carried ${most} changes; watch again`;
      stream.emit("error", { code: status.UNAVAILABLE, details });
      return undefined;
    }, GATHER_MS);
    stream.once("cancelled", () => {
      open -= 1;
      watch.close();
    });
  };
}

function changesIn({ complete, removed, routes }: RouteNews): number {
  return complete ? 0 : routes.length + removed.length;
}
