import { isDeepStrictEqual } from "node:util";
import type { KernelRoute } from "../../../src/routing/kernel_route.ts";
import type { Route } from "../../../src/routing/route.ts";

/**
 * Linux's routes for one destination, written from what was measured with iproute2 and
 * not from the decisions: in the order of TOS (the higher first) and metric, several
 * with the same of both only when another process appended them.
 */
export class TableModel {
  #routes: readonly KernelRoute[] = [];

  /**
   * Puts a route behind those of the same TOS and metric, as `route append` does; the
   * kernel takes no route twice.
   */
  append(route: KernelRoute): void {
    if (this.#has(route)) return;
    this.#routes = [...this.#routes, route].toSorted((one, other) =>
      other.tos - one.tos || one.metric - other.metric
    );
  }

  /** All routes, as a walk of the table shows them. */
  all(): readonly KernelRoute[] {
    return this.#routes;
  }

  /** What a look-up without TOS finds: a route with a TOS of its own is passed over. */
  best(): KernelRoute | undefined {
    return this.#routes.find(({ tos }) => tos === 0);
  }

  /** `route add`; false for "File exists". */
  add(wanted: Route): boolean {
    if (this.#routes.some(isFirstClass)) return false;
    this.append(ours(wanted));
    return true;
  }

  /**
   * `route replace`: the first of metric 0 without TOS gives way in its place.
   *
   * @throws {Error} for "File exists": the very route stands elsewhere already.
   */
  replace(wanted: Route): void {
    if (this.#has(ours(wanted))) throw new Error("File exists");
    const at = this.#routes.findIndex(isFirstClass);
    if (at < 0) this.append(ours(wanted));
    else this.#routes = this.#routes.with(at, ours(wanted));
  }

  /** `route del` by owner, device, metric and TOS: the first that fits; 0 fits all. */
  delete(route: KernelRoute): void {
    const at = this.#routes.findIndex((candidate) =>
      candidate.tos === route.tos && candidate.protocol === route.protocol &&
      (route.device === undefined || candidate.device === route.device) &&
      (route.metric === 0 || candidate.metric === route.metric)
    );
    this.#routes = this.#routes.filter((_, index) => index !== at);
  }

  #has(route: KernelRoute): boolean {
    return this.#routes.some((each) => isDeepStrictEqual(each, route));
  }
}

function isFirstClass({ metric, tos }: KernelRoute): boolean {
  return metric === 0 && tos === 0;
}

function ours({ destination, device }: Route): KernelRoute {
  return {
    destination,
    device,
    gateway: false,
    protocol: 142,
    metric: 0,
    tos: 0,
    type: 1,
    table: 254,
  };
}
