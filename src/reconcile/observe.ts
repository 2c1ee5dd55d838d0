import {
  answerOf,
  type Failure,
  type Operation,
  type OperationResult,
} from "../dataplane/dataplane.ts";
import { commonPrefix, contains, type Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import {
  type ActualRoutes,
  type KernelRoute,
  type LinkState,
  TABLE_MAIN,
} from "../routing/kernel_route.ts";
import type { KernelCache } from "./kernel_cache.ts";
import { WALK_TOGETHER } from "./limits.ts";

/** A destination to observe: by one FIB look-up, or by walking the table. */
export interface Question {
  readonly destination: Ipv4Cidr;
  readonly walk: boolean;
}

/** The routes of the kernel for a destination, or why they are unknown. */
export type Observation =
  | {
    readonly kind: "seen";
    /** The key's device; `missing` if it has none. */
    readonly link: LinkState;
    readonly routes: ActualRoutes;
  }
  /** One look-up was not conclusive. */
  | { readonly kind: "unclear" }
  | { readonly kind: "failed"; readonly failure: Failure };

/** The devices of a batch, as it observed them. */
export type LinkStates = ReadonlyMap<InterfaceName, LinkState>;

/** Operations that observe, and the function that reads their results. */
export interface Reading<Value> {
  readonly operations: readonly Operation[];
  readonly read: (results: readonly OperationResult[]) => Value;
}

/** The state of a device that does not exist. */
export const MISSING: LinkState = { kind: "missing" };

/**
 * Observes destinations.
 *
 * @returns a reading of the routes of each destination, in the order of the questions
 */
export function observeRoutes(
  questions: readonly Question[],
  cache: KernelCache,
): Reading<readonly RoutesObservation[]> {
  const walked = questions.filter(({ walk }) => walk);
  const together = walked.length >= WALK_TOGETHER;
  const walk: readonly Operation[] = together
    ? [{
      command: {
        kind: "routes-within",
        cluster: commonPrefix(walked.map(({ destination }) => destination)),
      },
    }]
    : [];
  const alone = questions.filter((question) => !(together && question.walk));
  const reads = alone.map(({ destination, walk }): Operation => ({
    command: { kind: walk ? "exact-routes" : "best-route", destination },
  }));
  return {
    operations: [...walk, ...reads],
    read: (results) => {
      const rest = results.values();
      const all = together ? groupWalk(rest.next().value) : undefined;
      return questions.map((question) => {
        const { destination, walk } = question;
        const observed = walk && all !== undefined
          ? all(destination)
          : readAnswer(question, rest.next().value, cache.rulesMayHide);
        cache.learnRoutes(destination, observed);
        return observed;
      });
    },
  };
}

/** The routes of a destination, without its device. */
export type RoutesObservation =
  | { readonly kind: "seen"; readonly routes: ActualRoutes }
  | Exclude<Observation, { readonly kind: "seen" }>;

/**
 * Observes devices, each once, whatever the cache has: a device may have given its name to
 * another one a moment ago, and what `ip` writes and prints is by the names that it has
 * met. The kernel's own answer shows it, see `isStale` in batch_process.ts.
 */
export function observeLinks(
  devices: Iterable<InterfaceName>,
  cache: KernelCache,
): Reading<LinkStates> {
  const asked = [...new Set(devices)];
  return {
    operations: asked.map((device) => ({ command: { kind: "link", device } })),
    read: (results) =>
      new Map(asked.map((device, index) => {
        const state = answerOf(results[index], "link")?.link ?? MISSING;
        cache.learnLink(device, state);
        return [device, state];
      })),
  };
}

/**
 * Reads the answer to one `best-route`.
 *
 * @param rulesMayHide a rule says "nothing there" as well, of a route that it hides: if
 * there may be one, that answer does not count
 * @returns undefined if one look-up could not tell
 */
export function readBest(
  destination: Ipv4Cidr,
  result: OperationResult | undefined,
  rulesMayHide: boolean,
): ActualRoutes | undefined {
  const routes = bestRoutes(destination, result);
  const isNothing = routes?.kind === "best" && routes.route === undefined;
  return isNothing && rulesMayHide ? undefined : routes;
}

function bestRoutes(
  destination: Ipv4Cidr,
  result: OperationResult | undefined,
): ActualRoutes | undefined {
  if (result?.ok === false) {
    return result.failure.kind === "unreachable"
      ? { kind: "best", route: undefined }
      : undefined;
  }
  const best = answerOf(result, "best-route")?.route;
  return best === undefined ? undefined : routesOfBest(destination, best);
}

/**
 * What the best route for a destination's first address tells of the destination. It is
 * conclusive if it is the destination's own or a wider one of the main table; a longer
 * prefix, another table (policy rules) or an error other than "nothing there" hides what
 * is asked for.
 */
export function routesOfBest(
  destination: Ipv4Cidr,
  best: KernelRoute,
): ActualRoutes | undefined {
  if (best.table !== TABLE_MAIN) return undefined;
  if (best.destination === destination) return { kind: "best", route: best };
  return contains(best.destination, destination)
    ? { kind: "best", route: undefined }
    : undefined;
}

/** Sorts what a walk found by destination. */
function groupWalk(
  result: OperationResult | undefined,
): (destination: Ipv4Cidr) => RoutesObservation {
  const walked = answerOf(result, "routes");
  if (walked === undefined) return () => failedObservation(result);
  const byDestination = Map.groupBy(walked.routes, (route) => route.destination);
  return (destination) => ({
    kind: "seen",
    routes: { kind: "all", routes: byDestination.get(destination) ?? [] },
  });
}

function readAnswer(
  { destination, walk }: Question,
  result: OperationResult | undefined,
  rulesMayHide: boolean,
): RoutesObservation {
  if (!walk) {
    const routes = readBest(destination, result, rulesMayHide);
    return routes === undefined ? { kind: "unclear" } : { kind: "seen", routes };
  }
  const walked = answerOf(result, "routes");
  if (walked === undefined) return failedObservation(result);
  return { kind: "seen", routes: { kind: "all", routes: walked.routes } };
}

function failedObservation(result: OperationResult | undefined): RoutesObservation {
  const failure = result !== undefined && !result.ok
    ? result.failure
    : { kind: "other", message: "no answer" } as const;
  return { kind: "failed", failure };
}
