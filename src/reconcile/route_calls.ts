import type { Ipv4Cidr } from "../ipam/cidr.ts";
import {
  checkNodeCidr,
  type ClusterPolicy,
  describeCidrFault,
} from "../ipam/policy.ts";
import {
  describeInterfaceNameFault,
  parseInterfaceName,
} from "../routing/interface_name.ts";
import { describeOwnSubnet, describeReplaced } from "../routing/messages.ts";
import { checkRouteSet, type StatedRoute } from "../routing/route_set.ts";
import type { Route } from "../routing/route.ts";
import type { DesiredState } from "./desired_state.ts";
import type { KernelCache } from "./kernel_cache.ts";
import {
  type AbsentOutcome,
  describeFailure,
  describeStatus,
  type PresentOutcome,
  statusOf,
} from "./outcome.ts";
import { planAbsent, planPresent } from "./plan.ts";
import {
  type Call,
  causeOf,
  type InjectOutcome,
  type ListedRoute,
  type NotExecuted,
  type Refusal,
  refuse,
  type RemoveOutcome,
  type RouteService,
  type RouteWatch,
  type SyncOutcome,
} from "./ports.ts";
import { type AnyKey, loopKey, type Reconciler } from "./reconciler.ts";
import { syncRoutes } from "./route_sync.ts";
import type { StatusFeed } from "./status_feed.ts";
import type { WorkQueue } from "./work_queue.ts";

/** What calls about routes work with. */
export interface RouteCallsParts {
  readonly policy: ClusterPolicy;
  readonly desired: DesiredState;
  readonly cache: KernelCache;
  readonly reconciler: Reconciler;
  readonly queue: WorkQueue;
  readonly feed: StatusFeed;
  /** Leaves to the repair what a call could not finish. */
  readonly markDirty: (destinations: Iterable<Ipv4Cidr>) => void;
}

/** Checks what callers ask, makes keys of it, and answers. */
export class RouteCalls implements RouteService {
  readonly #parts: RouteCallsParts;

  constructor(parts: RouteCallsParts) {
    this.#parts = parts;
  }

  injectRoute(
    destination: string,
    viaInterface: string,
    call: Call,
  ): Promise<InjectOutcome> {
    const checked = checkNodeCidr(destination, this.#parts.policy);
    if (!checked.ok) return refused(describeCidrFault(checked.fault, "Destination"));
    const device = parseInterfaceName(viaInterface);
    if (!device.ok) {
      // The contract tells the fault of the destination first.
      return refused(
        checked.value === this.#parts.desired.ownSubnet
          ? describeOwnSubnet(checked.value)
          : describeInterfaceNameFault(device.fault),
      );
    }
    const route = { destination: checked.value, device: device.value };
    return this.#submit<InjectOutcome>(
      route.destination,
      (answer) => this.#injectKey(route, call, answer),
    );
  }

  removeRoute(text: string, call: Call): Promise<RemoveOutcome> {
    const checked = checkNodeCidr(text, this.#parts.policy);
    if (!checked.ok) return refused(describeCidrFault(checked.fault, "Destination"));
    const destination = checked.value;
    return this.#submit<RemoveOutcome>(
      destination,
      (answer) => this.#removeKey(destination, call, answer),
    );
  }

  list(): Promise<readonly ListedRoute[]> {
    return this.#parts.feed.list();
  }

  watch(wake: () => void): RouteWatch {
    return this.#parts.feed.watch(wake);
  }

  async sync(
    routes: readonly StatedRoute[],
    dryRun: boolean,
    call: Call,
  ): Promise<SyncOutcome> {
    const { policy, queue } = this.#parts;
    const checked = checkRouteSet(routes, policy);
    if (!checked.ok) return { kind: "invalid", sentence: checked.fault };
    const refusal = queue.refusal();
    if (refusal !== undefined) return refusal;
    return await queue.alone(async (calls): Promise<SyncOutcome> => {
      if (call.gone()) return { kind: "caller-gone" };
      const order = { routes: checked.value, dryRun, cause: causeOf(call) };
      return await syncRoutes(this.#parts, order, calls);
    });
  }

  #submit<Outcome>(
    destination: Ipv4Cidr,
    key: (answer: (outcome: Outcome | NotExecuted) => void) => AnyKey,
  ): Promise<Outcome | NotExecuted> {
    const { queue } = this.#parts;
    const refusal = queue.refusal();
    if (refusal !== undefined) return Promise.resolve(refusal);
    const { promise, resolve } = Promise.withResolvers<Outcome | NotExecuted>();
    queue.push(destination, key(resolve));
    return promise;
  }

  #injectKey(
    route: Route,
    call: Call,
    answer: (outcome: InjectOutcome) => void,
  ): AnyKey {
    const { cache, desired, markDirty } = this.#parts;
    const { destination, device } = route;
    return loopKey<PresentOutcome>({
      cause: causeOf(call),
      device,
      plan: () => {
        if (call.gone()) return void answer({ kind: "caller-gone" });
        if (destination === desired.ownSubnet) {
          return void answer(refuse(describeOwnSubnet(destination)));
        }
        return planPresent(desired.presentGoal(route), cache.known(route));
      },
      commit: (outcome) => {
        if (desired.commitPresent(route, outcome, call.trace)) {
          markDirty([destination]);
        }
      },
      answer: (outcome) => answer(answerInject(route, outcome)),
    });
  }

  #removeKey(
    destination: Ipv4Cidr,
    call: Call,
    answer: (outcome: RemoveOutcome) => void,
  ): AnyKey {
    const { cache, desired, markDirty } = this.#parts;
    return loopKey<AbsentOutcome>({
      cause: causeOf(call),
      device: undefined,
      plan: () => {
        if (call.gone()) return void answer({ kind: "caller-gone" });
        const clear = cache.isClear(destination);
        return planAbsent(desired.absentGoal(destination, "overlay"), { clear });
      },
      commit: (outcome) => {
        if (desired.commitAbsent(destination, "overlay", outcome)) {
          markDirty([destination]);
        }
      },
      answer: (outcome) =>
        answer(
          outcome.kind === "failed" || outcome.kind === "lost"
            ? refuse(describeFailure(destination, outcome))
            : { kind: outcome.kind, destination },
        ),
    });
  }
}

function answerInject(route: Route, outcome: PresentOutcome): InjectOutcome {
  const { destination, device } = route;
  switch (outcome.kind) {
    case "added":
    case "unchanged": {
      const { ifindex, kind } = outcome;
      if (kind === "unchanged") return { kind, destination, device };
      const warnings = outcome.replaced.map((route) => describeReplaced(route, device));
      return { kind, destination, device, ifindex, warnings };
    }
    case "pending":
    case "connected":
    case "failed":
    case "lost":
      return refuse(describeStatus(route, statusOf(route, outcome)));
    default:
      return outcome satisfies never;
  }
}

function refused(sentence: string): Promise<Refusal> {
  return Promise.resolve(refuse(sentence));
}
