/** What each call about addresses does next: its steps on the loop of reconcile. */
import type { Failure, FailureKind, OperationResult } from "../dataplane/dataplane.ts";
import type { Ipv4Address } from "../ipam/address.ts";
import type { AllocateFault, Allocation } from "../ipam/allocator.ts";
import { describeAllocateFault } from "../ipam/messages.ts";
import type { Owner } from "../ipam/owner.ts";
import { describeFailure } from "../reconcile/outcome.ts";
import { done, type Step } from "../reconcile/step.ts";
import { hashOwner } from "../state/owner_key.ts";
import type { StateChange } from "../state/store.ts";
import { type NetworkState, recordsOf } from "./network_state.ts";
import type {
  AddressRefusal,
  AllocateOutcome,
  ListOutcome,
  ReleaseOutcome,
} from "./ports.ts";

/** The owner that requests an address, and the address; undefined: any. */
export interface AllocateRequest {
  readonly owner: Owner;
  readonly requested: Ipv4Address | undefined;
}

/**
 * Allocates an address. The allocator runs ahead while a batch is in flight; whatever does
 * not come out as planned is unverified, and read back before anything else is decided.
 *
 * @param wrote true if an earlier step may have written the allocation
 */
export function planAllocate(
  state: NetworkState,
  request: AllocateRequest,
  wrote = false,
): Step<AllocateOutcome> {
  const again = () => planAllocate(state, request, true);
  return verified<AllocateOutcome>(state, () => {
    const { owner, requested } = request;
    const key = hashOwner(owner);
    const decision = state.allocator.choose(key, requested);
    switch (decision.kind) {
      case "held": {
        const { address } = decision.allocation;
        const allocation = { address, key, owner };
        const isNamed = decision.allocation.owner !== undefined;
        if (!isNamed) state.allocator.setOwner(allocation);
        const outcome = () => allocated(state, allocation, wrote || !isNamed);
        return isNamed
          ? answer(state, outcome, again)
          : rename(state, allocation, outcome, again);
      }
      case "fresh": {
        const allocation = { address: decision.address, key, owner };
        return allocate(state, allocation, again);
      }
      default:
        return answer<AllocateOutcome>(state, () => refusalOf(decision, owner), again);
    }
  }, lostRefusal);
}

/**
 * Releases the address that `find` finds, if any.
 *
 * @param before what an earlier step found: then it was this very call that released it
 */
export function planRelease(
  state: NetworkState,
  find: (state: NetworkState) => Allocation | undefined,
  before?: Allocation,
): Step<ReleaseOutcome> {
  return verified<ReleaseOutcome>(state, () => {
    const found = find(state);
    const released = before ?? found;
    const again = () => planRelease(state, find, released);
    const outcome: ReleaseOutcome = released === undefined
      ? { kind: "absent" }
      : { kind: "released", released };
    if (found === undefined) return answer(state, () => outcome, again);
    const { address } = found;
    state.allocator.release(found);
    // Delete the allocation first: the parts of a name alone have no effect.
    const [first, ...rest] = recordsOf(found).toReversed()
      .map((record): StateChange => ({ kind: "delete-equal", record }));
    return {
      kind: "apply",
      plan: { persist: first === undefined ? [] : [first], cleanUp: rest },
      expected: outcome,
      then: ({ persist }) => {
        const failure = failureOf(persist);
        if (failure === undefined) return done(outcome);
        state.markUnverified(address);
        return isSurprise(failure) ? again() : done(failedRefusal(address, failure));
      },
      ...inDoubt(state, address, again),
    };
  }, lostRefusal);
}

/** Lists each address with its owner. */
export function planList(state: NetworkState): Step<ListOutcome> {
  const list = (): ListOutcome => ({
    kind: "listed",
    addresses: state.allocator.list(),
    free: state.allocator.free,
  });
  const again = () => planList(state);
  return verified<ListOutcome>(state, () => answer(state, list, again), lostRefusal);
}

/** The steps, once nothing is unverified. */
export function verified<Outcome>(
  state: NetworkState,
  plan: () => Step<Outcome>,
  giveUp: (why: string | undefined) => Outcome,
): Step<Outcome> {
  if (state.isVerified) return plan();
  const step: Step<Outcome> = {
    kind: "load",
    then: (stored) => {
      // Another key of the batch may have, and planned upon it.
      if (!state.isVerified) state.verify(stored);
      return verified(state, plan, giveUp);
    },
    lost: () => step,
    giveUp,
  };
  return step;
}

/**
 * Answers without a write of its own. It is interpreted after the writes of its batch,
 * because it may rest upon them: if one of them did not come out, it plans again.
 */
function answer<Outcome>(
  state: NetworkState,
  outcome: () => Outcome,
  again: () => Step<Outcome | AddressRefusal>,
): Step<Outcome | AddressRefusal> {
  return {
    kind: "apply",
    plan: {},
    expected: outcome(),
    then: () => state.isVerified ? done(outcome()) : again(),
    lost: again,
    giveUp: lostRefusal,
  };
}

/**
 * The cursor is written ahead of the address: whatever of these is lost, the address does
 * not come round again too early. The name comes before the address, so that no
 * allocation is without one.
 */
function allocate(
  state: NetworkState,
  allocation: Allocation,
  again: () => Step<AllocateOutcome>,
): Step<AllocateOutcome> {
  const { address } = allocation;
  // Before the allocation: a piece of this very name may be left of an earlier try.
  const leftovers = state.takeLeftovers();
  state.allocator.allocate(allocation);
  const { subnet } = state;
  const cursor = subnet === undefined
    ? undefined
    : state.subnetRecord(subnet.subnet, state.allocator.cursor);
  const ahead: readonly StateChange[] = [
    ...leftovers,
    ...cursor === undefined ? [] : [{ kind: "put", record: cursor } as const],
  ];
  const creations = recordsOf(allocation).map((record): StateChange => ({
    kind: "create",
    record,
  }));
  return {
    kind: "apply",
    plan: { persist: [...ahead, ...creations] },
    expected: allocated(state, allocation, true),
    then: ({ persist }) => {
      const progress = cursor === undefined ? undefined : persist[ahead.length - 1];
      const created = persist.slice(ahead.length);
      const failures = [progress, ...created].flatMap((result) =>
        result?.ok === false ? [result.failure] : []
      );
      if (cursor !== undefined && progress?.ok === true) state.commitSubnet(cursor);
      const failure = failures.find((one) => !isSurprise(one)) ?? failures[0];
      if (failure === undefined) return done(allocated(state, allocation, true));
      // The last record is the allocation; those before it are the name.
      const last = created.at(-1);
      const isTaken = last?.ok === false && last.failure.kind === "exists";
      if (isTaken) state.markContested(address);
      else state.markUnverified(address);
      return isSurprise(failure) ? again() : done(failedRefusal(address, failure));
    },
    ...inDoubt(state, address, again),
  };
}

/** Writes the name of an owner whose key alone is in the store. */
function rename(
  state: NetworkState,
  { address, owner }: Allocation & { readonly owner: Owner },
  outcome: () => AllocateOutcome,
  again: () => Step<AllocateOutcome>,
): Step<AllocateOutcome> {
  const record = { kind: "owner", address, owner } as const;
  return {
    kind: "apply",
    plan: { cleanUp: [{ kind: "delete", record }, { kind: "create", record }] },
    expected: outcome(),
    // The allocation is valid without it, and a resync writes the missing part.
    then: () => done(outcome()),
    ...inDoubt(state, address, again),
  };
}

/** What follows a write whose batch was lost: the address is read before it is used. */
function inDoubt<Outcome>(
  state: NetworkState,
  address: Ipv4Address,
  again: () => Step<Outcome>,
) {
  const doubt = () => state.markUnverified(address);
  return {
    doubt,
    lost: again,
    // The allocator ran ahead of a batch that may never have been sent.
    giveUp: (why: string | undefined): AddressRefusal => {
      doubt();
      return lostRefusal(why);
    },
  };
}

function allocated(
  { network }: NetworkState,
  allocation: Allocation,
  changed: boolean,
): AllocateOutcome {
  return { kind: "allocated", allocated: allocation, network, changed };
}

function refusalOf(fault: AllocateFault, owner: Owner): AddressRefusal {
  const sentence = describeAllocateFault(fault, owner);
  return { kind: "refused", reason: REASONS[fault.kind], sentence };
}

const REASONS: Readonly<Record<AllocateFault["kind"], AddressRefusal["reason"]>> = {
  "no-subnet": "not-ready",
  "outside": "invalid",
  "reserved": "invalid",
  "holds-another": "taken",
  "taken": "taken",
  "exhausted": "exhausted",
};

function lostRefusal(
  why = "the addresses change faster than they can be read",
): AddressRefusal {
  const sentence = describeFailure("addresses", { kind: "lost", why });
  return { kind: "refused", reason: "lost", sentence };
}

function failedRefusal(address: Ipv4Address, failure: Failure): AddressRefusal {
  const sentence = describeFailure(address, { kind: "failed", failure });
  const reason = failure.kind === "not-permitted" ? "not-ready" : "failed";
  return { kind: "refused", reason, sentence };
}

function failureOf(results: readonly OperationResult[]): Failure | undefined {
  const failed = results.find(({ ok }) => !ok);
  return failed?.ok === false ? failed.failure : undefined;
}

/** True for a failure that shows a difference between store and allocator. */
function isSurprise({ kind }: Failure): boolean {
  return SURPRISES.has(kind);
}

const SURPRISES: ReadonlySet<FailureKind> = new Set(["exists", "absent", "no-table"]);
