/**
 * The one loop: calls, SyncRoutes, events, resyncs, retries and the start all become keys,
 * and each batch of keys is observed, planned, applied, interpreted and committed here.
 *
 * This folder may import: ipam, routing, shared, observability, and the ports of the
 * dataplane and of the state store. It does not know what an address is, that there is an
 * `ip`, or that the store is a table of the kernel.
 */
import {
  answerOf,
  type BatchResult,
  type Cause,
  type Dataplane,
  isRead,
  type Lost,
  type Mutation,
  type Operation,
  type OperationResult,
  type Read,
  tracesOf,
} from "../dataplane/dataplane.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { LinkState } from "../routing/kernel_route.ts";
import type { StateStore, StoredState } from "../state/store.ts";
import type { KernelCache } from "./kernel_cache.ts";
import { type LinkStates, MISSING, observeLinks, observeRoutes } from "./observe.ts";
import { type PlanResults, ROLES, type Step } from "./step.ts";
import type { WaitingCalls } from "./work_queue.ts";
import {
  BATCH,
  LOST_IN_A_ROW,
  MOST_MS,
  READ_TRIES,
  ROUNDS,
  ROUNDS_ALONE,
} from "./limits.ts";

/** A part of the desired state on its way through the loop. */
export interface Key<Outcome> {
  /** The RPC and the client for the audit log. */
  readonly cause: Cause;
  /** The device that each batch observes along with the key. */
  readonly device: InterfaceName | undefined;
  /** Plans the first step, when its batch begins; undefined if there is nothing to do. */
  readonly plan: () => Step<Outcome> | undefined;
  /** Stores the outcome. Called once if `plan` returned a step. */
  readonly commit: (outcome: Outcome) => void;
  /** Answers the caller, after all keys of the batch are committed. */
  readonly answer?: (outcome: Outcome) => void | Promise<void>;
  /** True in a dry run: the plan is not applied, and its expected outcome is returned. */
  readonly dryRun?: boolean;
}

/** Hides the outcome's type, so that keys of all kinds share a batch. */
export interface AnyKey {
  begin(): Running | undefined;
}

/** A key whose batch runs. */
export interface Running {
  readonly cause: Cause;
  readonly device: InterfaceName | undefined;
  readonly dryRun: boolean;
  step: Step<unknown>;
  /** Commits, if the last step is done. */
  commit(): void;
  answer(): void | Promise<void>;
}

/** A key for the loop. */
export function loopKey<Outcome>(key: Key<Outcome>): AnyKey {
  return {
    begin: () => {
      const first = key.plan();
      if (first === undefined) return undefined;
      const running = {
        cause: key.cause,
        device: key.device,
        dryRun: key.dryRun ?? false,
        step: first,
        commit: () => {
          if (running.step.kind === "done") key.commit(running.step.outcome);
        },
        answer: () =>
          running.step.kind === "done" ? key.answer?.(running.step.outcome) : undefined,
      };
      return running;
    },
  };
}

/** The dependencies of the reconciler. */
export interface ReconcilerParts {
  readonly dataplane: Dataplane;
  readonly store: StateStore;
  readonly cache: KernelCache;
}

/** Keys that share batches, and the number of these batches. */
interface Group {
  readonly keys: readonly Running[];
  readonly rounds: number;
}

/** `open`: some keys need another round; `lost`: the result of the batch is unknown. */
type RoundEnd = { readonly kind: "settled" | "open" } | Lost;

/** Reconciles keys with the kernel. */
export class Reconciler {
  readonly #dataplane: Dataplane;
  readonly #store: StateStore;
  readonly #cache: KernelCache;

  constructor({ cache, dataplane, store }: ReconcilerParts) {
    this.#dataplane = dataplane;
    this.#store = store;
    this.#cache = cache;
  }

  /**
   * Reconciles any number of keys, each of another destination or record. Never rejects; each
   * key is committed when this resolves.
   *
   * Two batches are in flight: while `ip` works on one, the other is planned or committed.
   *
   * @param between called between two batches, while none is in flight
   */
  async reconcile(
    keys: readonly AnyKey[],
    between: WaitingCalls = NO_CALLS,
  ): Promise<void> {
    let inFlight = Promise.resolve();
    let drained = true;
    for (let at = 0; at < keys.length; at += BATCH) {
      if (at > 0 && drained) drained = await this.#drainAuditLog(inFlight, between);
      if (at > 0 && between.waiting) {
        await inFlight;
        await between.admit();
      }
      const next = this.#reconcileBatch(keys.slice(at, at + BATCH));
      await inFlight;
      inFlight = next;
    }
    await inFlight;
  }

  /**
   * Waits for the reader of the audit log, so that the records of thousands of keys are
   * not lost. Calls that arrive in the meantime do not wait.
   *
   * @returns false if the reader is stuck
   */
  async #drainAuditLog(
    inFlight: Promise<void>,
    between: WaitingCalls,
  ): Promise<boolean> {
    const drained = this.#dataplane.drainAuditLog();
    for (;;) {
      const first = await Promise.race([drained, between.arrived()]);
      if (first !== undefined) return first;
      await inFlight;
      await between.admit();
    }
  }

  /** Reads with the retries of the loop; a repeated read has no effect. Never rejects. */
  async read(operations: readonly Operation[]): Promise<BatchResult> {
    let reply = await this.#dataplane.run(operations);
    for (let tries = 1; reply.kind === "lost" && tries < READ_TRIES; tries += 1) {
      reply = await this.#dataplane.run(operations);
    }
    return reply;
  }

  async #reconcileBatch(keys: readonly AnyKey[]): Promise<void> {
    const running = keys.flatMap((key) => key.begin() ?? []);
    await this.#runRounds(running);
    // In one turn, so that a watcher of the routes gets all changes of a batch at once.
    for (const key of running) key.commit();
    for (const key of running) await key.answer();
  }

  /**
   * Splits a lost batch into halves and runs each of them, again and again, until only the
   * key is lost that makes every `ip` exit.
   */
  async #runRounds(keys: readonly Running[]): Promise<void> {
    const endMs = performance.now() + MOST_MS;
    const groups: Group[] = [{ keys, rounds: 0 }];
    let lostInARow = 0;
    for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
      const end = await this.#runRound(group.keys);
      const why = end.kind === "lost" ? end.why : undefined;
      lostInARow = why === undefined ? 0 : lostInARow + 1;
      if (lostInARow >= LOST_IN_A_ROW) {
        lostInARow = 0;
        if (performance.now() >= endMs || !await this.#answersAnything()) {
          return giveUp([group, ...groups], why);
        }
      }
      groups.push(...this.#regroup(group, end));
    }
  }

  async #answersAnything(): Promise<boolean> {
    return (await this.#dataplane.run([{ command: { kind: "rules" } }])).kind !==
      "lost";
  }

  #regroup({ keys, rounds }: Group, end: RoundEnd): readonly Group[] {
    const open = keys.filter(({ step }) => step.kind !== "done");
    if (open.length === 0) return [];
    if (end.kind === "lost" && open.length > 1) {
      const half = Math.ceil(open.length / 2);
      return [open.slice(0, half), open.slice(half)].map((keys) => ({
        keys,
        rounds: keys.length === 1 ? ROUNDS - ROUNDS_ALONE : rounds,
      }));
    }
    const next = { keys: open, rounds: rounds + 1 };
    if (next.rounds < ROUNDS) return [next];
    giveUp([next], end.kind === "lost" ? end.why : undefined);
    return [];
  }

  /** Runs the observations and the plans of the keys, in at most two batches. */
  async #runRound(keys: readonly Running[]): Promise<RoundEnd> {
    forecast(keys);
    const open = keys.filter(({ step }) => step.kind !== "done");
    if (open.length === 0) return { kind: "settled" };
    const first = await this.#runBatch(open);
    if (first.kind === "lost") return first;
    forecast(open);
    const planned = open.filter(({ step }) => step.kind === "apply");
    // A key that was applied just now, and must be applied again, waits for the next round.
    const next = planned.filter((key) => !first.applied.has(key));
    if (next.length === 0) return { kind: "open" };
    const second = await this.#runBatch(next);
    return second.kind === "lost" ? second : { kind: "open" };
  }

  async #runBatch(
    keys: readonly Running[],
  ): Promise<Lost | { readonly kind: "ran"; readonly applied: ReadonlySet<Running> }> {
    // Another device may get the name between two batches, so each observes its devices.
    const devices = keys.flatMap(({ device }) => device ?? []);
    const links = observeLinks(devices, this.#cache);
    const writes = new Writes(this.#store);
    const applies = keys.flatMap((key): readonly Staged[] =>
      key.step.kind === "apply" ? [writes.stage(key, key.step)] : []
    );
    const asked = keys.flatMap((key) =>
      key.step.kind === "observe" ? [{ key, step: key.step }] : []
    );
    const routes = observeRoutes(asked.map(({ step }) => step.question), this.#cache);
    const loads = keys.flatMap((key) =>
      key.step.kind === "load" ? [{ key, step: key.step }] : []
    );
    const load: readonly Operation[] = loads.length === 0
      ? []
      : [{ command: { kind: "own-routes" } }];
    const operations = [
      ...links.operations,
      ...writes.operations,
      ...routes.operations,
      ...load,
    ];
    const reply: BatchResult = operations.length === 0
      ? { kind: "answered", results: [] }
      : await this.#dataplane.run(operations, tracesOf(keys.map(({ cause }) => cause)));
    if (reply.kind === "lost") {
      for (const { step } of keys) if (step.kind !== "done") step.doubt?.();
      for (const key of keys) if (key.step.kind !== "done") key.step = key.step.lost();
      return reply;
    }
    const results = new Results(reply.results);
    const states = links.read(results.take(links.operations.length));
    const written = results.take(writes.operations.length);
    // The answer of a key that wrote nothing may depend on what other keys wrote.
    for (const isWriter of [true, false]) {
      for (const staged of applies) {
        if (staged.isWriter === isWriter) this.#interpret(staged, written, states);
      }
    }
    const observed = routes.read(results.take(routes.operations.length));
    for (const [index, { key, step }] of asked.entries()) {
      const observation = observed[index];
      if (observation === undefined) continue;
      key.step = step.then(
        observation.kind === "seen"
          ? { ...observation, link: linkOf(key, states) ?? MISSING }
          : observation,
      );
    }
    if (loads.length > 0) {
      const state = this.#load(results.take(1)[0]);
      if (state.kind === "lost") return state;
      for (const { key, step } of loads) key.step = step.then(state.state);
    }
    return { kind: "ran", applied: new Set(applies.map(({ key }) => key)) };
  }

  #load(
    result: OperationResult | undefined,
  ): Lost | { readonly kind: "loaded"; readonly state: StoredState } {
    const ours = answerOf(result, "table")?.routes;
    if (ours !== undefined) return { kind: "loaded", state: this.#store.load(ours) };
    const why = result?.ok === false ? result.failure.message : "no answer";
    return { kind: "lost", why };
  }

  #interpret(
    { key, parts, step }: Staged,
    written: readonly OperationResult[],
    links: LinkStates,
  ): void {
    const [persist = [], program = [], cleanUp = [], rollBack = [], verify = []] = parts
      .map((indexes) => indexes.map((own) => combine(own.map((at) => written[at]))));
    const byRole: PlanResults = { persist, program, cleanUp, rollBack, verify };
    key.step = step.then(byRole, linkOf(key, links), this.#cache.rulesMayHide);
  }
}

type ApplyStep = Extract<Step<unknown>, { readonly kind: "apply" }>;
type PlanPart = NonNullable<ApplyStep["plan"][(typeof ROLES)[number]]>[number];

/** A key's plan as operations of its batch. */
interface Staged {
  readonly key: Running;
  readonly step: ApplyStep;
  readonly isWriter: boolean;
  /** The indexes of the operations of each part of each role. */
  readonly parts: readonly (readonly (readonly number[])[])[];
}

/** The operations that the plans of one batch need. */
class Writes {
  readonly operations: Operation[] = [];
  readonly #store: StateStore;
  /** The operation that writes a subnet's record, which several keys may change. */
  readonly #subnets = new Map<string, number>();

  constructor(store: StateStore) {
    this.#store = store;
  }

  stage(key: Running, step: ApplyStep): Staged {
    const parts = ROLES.map((role) =>
      (step.plan[role] ?? []).map((part) => this.#add(part, key.cause))
    );
    return { key, step, parts, isWriter: parts.some((role) => role.length > 0) };
  }

  #add(part: PlanPart, cause: Cause): readonly number[] {
    if (!("record" in part)) return this.#append([operationOf(part, cause)]);
    const staged = this.#store.stage(part, cause);
    if (part.kind !== "put" || part.record.kind !== "subnet") {
      return this.#append(staged);
    }
    // Written once, as the last key has it, and before everything that depends on it.
    const { revision, subnet } = part.record;
    const at = this.#subnets.get(`${subnet} ${revision}`);
    const [operation] = staged;
    if (at !== undefined && operation !== undefined) {
      this.operations[at] = operation;
      return [at];
    }
    this.#subnets.set(`${subnet} ${revision}`, this.operations.length);
    return this.#append(staged);
  }

  #append(operations: readonly Operation[]): readonly number[] {
    return operations.map((operation) => this.operations.push(operation) - 1);
  }
}

function operationOf(part: Read | Mutation, cause: Cause): Operation {
  return isRead(part) ? { command: part } : { command: part, cause };
}

/** Hands out the results of a batch in the order of its operations. */
class Results {
  readonly #results: readonly OperationResult[];
  #at = 0;

  constructor(results: readonly OperationResult[]) {
    this.#results = results;
  }

  take(count: number): readonly OperationResult[] {
    const taken = this.#results.slice(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }
}

const NO_ANSWER: OperationResult = {
  ok: false,
  failure: { kind: "other", message: "no answer" },
};

/** A change of several operations failed if one of them failed. */
function combine(results: readonly (OperationResult | undefined)[]): OperationResult {
  return results.find((result) => result?.ok === false) ?? results[0] ?? NO_ANSWER;
}

const NO_CALLS: WaitingCalls = {
  waiting: false,
  arrived: () => new Promise(() => {}),
  admit: () => Promise.resolve(),
};

/** A dry run applies nothing; its outcome is the expected outcome of the plan. */
function forecast(keys: readonly Running[]): void {
  for (const key of keys) {
    const { dryRun, step } = key;
    if (dryRun && step.kind === "apply") {
      key.step = { kind: "done", outcome: step.expected };
    }
  }
}

function giveUp(groups: readonly Group[], why: string | undefined): void {
  for (const { keys } of groups) {
    for (const key of keys) {
      const { step } = key;
      if (step.kind !== "done") key.step = { kind: "done", outcome: step.giveUp(why) };
    }
  }
}

function linkOf({ device }: Running, links: LinkStates): LinkState | undefined {
  return device === undefined ? undefined : links.get(device);
}
