import type {
  Failure,
  FailureKind,
  Mutation,
  OperationResult,
  Read,
} from "../../../src/dataplane/dataplane.ts";
import type { Ipv4Cidr } from "../../../src/ipam/cidr.ts";
import type { Observation, Question } from "../../../src/reconcile/observe.ts";
import {
  type Plan,
  type PlanResults,
  ROLES,
  type Step,
} from "../../../src/reconcile/step.ts";
import type { InterfaceName } from "../../../src/routing/interface_name.ts";
import type { KernelRoute, LinkState } from "../../../src/routing/kernel_route.ts";
import type { RouteRecord, StateChange } from "../../../src/state/store.ts";
import { TableModel } from "./table_model.ts";

type Part = Read | Mutation | StateChange;

/** What goes wrong with one batch. */
export interface Mishap {
  /** So many operations are carried out before `ip` is lost; undefined: it is not. */
  readonly lostAfter?: number | undefined;
  /** The operation that the kernel refuses, counted from 0 over the batch. */
  readonly refused?: number | undefined;
  /** What another process does before the batch. */
  readonly before?: ((kernel: DestinationModel) => void) | undefined;
}

/** Why {@linkcode DestinationModel} refuses an operation when a {@linkcode Mishap} says so. */
export const REFUSED: Failure = { kind: "other", message: "refused by the test" };

/**
 * The routes of one destination, its devices and its record, as far as a plan reaches;
 * written from what was measured, see {@linkcode TableModel}.
 */
export class DestinationModel {
  readonly table: TableModel = new TableModel();
  record: RouteRecord | undefined;
  /** True: a rule hides the main table from look-ups. */
  hidden = false;
  /** Operations that always fail so, whatever is there. */
  readonly steady: Map<Part["kind"], FailureKind> = new Map();
  /** Called after each operation that was carried out. */
  onOperation: (part: Part) => void = () => {};
  readonly #destination: Ipv4Cidr;
  readonly #links: Map<InterfaceName, LinkState>;

  constructor(
    destination: Ipv4Cidr,
    links: Iterable<readonly [InterfaceName, LinkState]>,
  ) {
    this.#destination = destination;
    this.#links = new Map(links);
  }

  link(device: InterfaceName): LinkState {
    return this.#links.get(device) ?? { kind: "missing" };
  }

  /** A device without IPv4 loses its routes. */
  setLink(device: InterfaceName, state: LinkState): void {
    this.#links.set(device, state);
    if (carries(state)) return;
    for (const route of this.table.all()) {
      if (route.device === device) this.table.delete(route);
    }
  }

  /** Another process adds a route, if the kernel takes one through its device. */
  append(route: KernelRoute): void {
    const { device } = route;
    if (device === undefined || carries(this.link(device))) this.table.append(route);
  }

  /** Answers a question as `observeRoutes` and `observeLinks` read it. */
  observe({ destination, walk }: Question, device: InterfaceName): Observation {
    if (destination !== this.#destination) throw new Error(`Not about ${destination}`);
    const link = this.link(device);
    if (walk) {
      return { kind: "seen", link, routes: { kind: "all", routes: this.table.all() } };
    }
    const best = this.hidden ? undefined : this.table.best();
    if (best === undefined && this.hidden) return { kind: "unclear" };
    if (best !== undefined && best.type !== 1) return { kind: "unclear" };
    return { kind: "seen", link, routes: { kind: "best", route: best } };
  }

  /** Carries one operation out. */
  carryOut(part: Part): OperationResult {
    const result = this.#carryOut(part);
    this.onOperation(part);
    return result;
  }

  #carryOut(part: Part): OperationResult {
    const steady = this.steady.get(part.kind);
    if (steady !== undefined) return failed(steady);
    if ("record" in part) return this.#change(part);
    switch (part.kind) {
      case "add-route":
      case "replace-route": {
        const link = this.link(part.route.device);
        if (link.kind === "missing" || link.withoutIpv4) return failed("no-device");
        if (!link.up) return failed("link-down");
        return this.#write(part.kind, part.route) ? DONE : failed("exists");
      }
      case "delete-route": {
        const { device } = part.route;
        if (device !== undefined && this.link(device).kind === "missing") {
          return failed("no-device");
        }
        const before = this.table.all().length;
        this.table.delete(part.route);
        return this.table.all().length < before ? DONE : failed("absent");
      }
      case "best-route": {
        const best = this.hidden ? undefined : this.table.best();
        if (best === undefined) return failed("unreachable");
        const route = best.type === 1 ? best : undefined;
        return { ok: true, answer: { kind: "best-route", route } };
      }
      default:
        throw new Error(`A plan has no ${part.kind}`);
    }
  }

  #write(
    kind: "add-route" | "replace-route",
    route: Extract<Mutation, { readonly kind: "add-route" | "replace-route" }>["route"],
  ): boolean {
    if (kind === "add-route") return this.table.add(route);
    try {
      this.table.replace(route);
      return true;
    } catch {
      return false;
    }
  }

  #change(change: StateChange): OperationResult {
    const { kind, record } = change;
    if (record.kind !== "route" || record.route.destination !== this.#destination) {
      throw new Error(`Not the record of ${this.#destination}`);
    }
    if (kind === "put") {
      this.record = record;
      return DONE;
    }
    const isThere = this.record !== undefined;
    this.record = undefined;
    return isThere ? DONE : failed("absent");
  }
}

/** How a key went. */
export interface Driven<Outcome> {
  readonly outcome: Outcome;
  /** The batches that it took. */
  readonly batches: number;
  /** True if the steps did not come to an end. */
  readonly gaveUp: boolean;
}

/** Batches that a key gets once nothing goes wrong: the reconciler has six rounds of two. */
const MOST_BATCHES = 12;

/** Drives the steps of one key as the reconciler does, one batch a step. */
export function drive<Outcome>(
  first: Step<Outcome>,
  kernel: DestinationModel,
  device: InterfaceName,
  mishaps: readonly Mishap[] = [],
): Driven<Outcome> {
  let step = first;
  let batches = 0;
  for (
    ;
    step.kind !== "done" && batches < mishaps.length + MOST_BATCHES;
    batches += 1
  ) {
    const mishap = mishaps[batches] ?? {};
    mishap.before?.(kernel);
    step = batch(step, kernel, device, mishap);
  }
  return step.kind === "done"
    ? { outcome: step.outcome, batches, gaveUp: false }
    : { outcome: step.giveUp(undefined), batches, gaveUp: true };
}

function batch<Outcome>(
  step: Exclude<Step<Outcome>, { readonly kind: "done" }>,
  kernel: DestinationModel,
  device: InterfaceName,
  { lostAfter, refused }: Mishap,
): Step<Outcome> {
  switch (step.kind) {
    case "observe":
      if (lostAfter !== undefined) return step.lost();
      return step.then(
        refused === 0
          ? { kind: "failed", failure: REFUSED }
          : kernel.observe(step.question, device),
      );
    case "apply": {
      const link = kernel.link(device);
      const results = apply(step.plan, kernel, lostAfter ?? Infinity, refused);
      if (lostAfter !== undefined) return step.lost();
      return step.then(results, link, kernel.hidden);
    }
    case "load":
      throw new Error("A plan for routes loads nothing");
    default:
      return step satisfies never;
  }
}

/** Carries out the first `most` operations of a plan, in the order of the roles. */
function apply(
  plan: Plan,
  kernel: DestinationModel,
  most: number,
  refused: number | undefined,
): PlanResults {
  let at = 0;
  const carryOut = (part: Part): OperationResult => {
    const index = at++;
    if (index >= most) return NEVER;
    return index === refused ? { ok: false, failure: REFUSED } : kernel.carryOut(part);
  };
  const [persist = [], program = [], cleanUp = [], rollBack = [], verify = []] = ROLES
    .map((role) => (plan[role] ?? []).map(carryOut));
  return { persist, program, cleanUp, rollBack, verify };
}

/** The answer of a dry run: observations are made, the first plan is not applied. */
export function forecast<Outcome>(
  first: Step<Outcome>,
  kernel: DestinationModel,
  device: InterfaceName,
): Outcome {
  let step = first;
  while (step.kind === "observe") {
    step = step.then(kernel.observe(step.question, device));
  }
  if (step.kind === "load") throw new Error("A plan for routes loads nothing");
  return step.kind === "done" ? step.outcome : step.expected;
}

/** True for a device that routes can go through. */
export function carries(state: LinkState): boolean {
  return state.kind === "present" && state.up && state.withoutIpv4 !== true;
}

/** True if there is at most our own route, as we write it. */
export function isTidy(routes: readonly KernelRoute[]): boolean {
  return routes.length <= 1 && routes.every(isPlain);
}

function isPlain({ gateway, metric, protocol, tos, type }: KernelRoute): boolean {
  return protocol === 142 && metric === 0 && tos === 0 && type === 1 && !gateway;
}

const DONE: OperationResult = { ok: true, answer: { kind: "done" } };
const NEVER: OperationResult = {
  ok: false,
  failure: { kind: "other", message: "never carried out" },
};

function failed(kind: FailureKind): OperationResult {
  return { ok: false, failure: { kind, message: `the model says ${kind}` } };
}
