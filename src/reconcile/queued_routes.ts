import type { ClusterPolicy } from "../ipam/policy.ts";
import type { Call } from "./node_service.ts";
import type {
  ListedRoute,
  RouteTable,
  RouteWatch,
  SyncOutcome,
} from "./route_table.ts";
import { checkRouteSet, type StatedRoute } from "../routing/route_set.ts";
import type { RouteBook } from "./status_feed.ts";
import { causeOf } from "./route_keeper.ts";
import type { RouteParts } from "./route_parts.ts";
import { syncRoutes } from "./route_sync.ts";
import type { WorkQueue } from "./work_queue.ts";

/** What the routes as a whole are seen and set with. */
export interface QueuedRoutesParts extends RouteParts {
  readonly book: RouteBook;
  readonly queue: WorkQueue;
  readonly policy: ClusterPolicy;
}

/** The node's routes as a whole: read from the book, set in their turn of the queue. */
export class QueuedRoutes implements RouteTable {
  readonly #parts: QueuedRoutesParts;

  constructor(parts: QueuedRoutesParts) {
    this.#parts = parts;
  }

  list(): Promise<readonly ListedRoute[]> {
    return this.#parts.book.list();
  }

  watch(wake: () => void): RouteWatch {
    return this.#parts.book.watch(wake);
  }

  async sync(
    routes: readonly StatedRoute[],
    dryRun: boolean,
    call: Call,
  ): Promise<SyncOutcome> {
    const { policy, queue } = this.#parts;
    const checked = checkRouteSet(routes, policy);
    if (!checked.ok) return { kind: "invalid", sentence: checked.fault };
    const undone = queue.refusal();
    if (undone !== undefined) return undone;
    return await queue.alone(async (visitors) => {
      if (call.gone()) return { kind: "caller-gone" };
      const order = { wanted: checked.value, dryRun, cause: causeOf(call) };
      return await syncRoutes(this.#parts, order, visitors);
    });
  }
}
