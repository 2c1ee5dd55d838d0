import assert from "node:assert/strict";
import fc from "fast-check";
import {
  planAllocate,
  planList,
  planRelease,
} from "../../../src/addresses/address_plan.ts";
import { NetworkState } from "../../../src/addresses/network_state.ts";
import type {
  AllocateOutcome,
  ListOutcome,
  ReleaseOutcome,
} from "../../../src/addresses/ports.ts";
import type { Operation, OperationResult } from "../../../src/dataplane/dataplane.ts";
import type { Ipv4Address } from "../../../src/ipam/address.ts";
import type { Allocation } from "../../../src/ipam/allocator.ts";
import { hostPrefix } from "../../../src/ipam/cidr.ts";
import type { Owner } from "../../../src/ipam/owner.ts";
import { KernelCache } from "../../../src/reconcile/kernel_cache.ts";
import { type AnyKey, loopKey, Reconciler } from "../../../src/reconcile/reconciler.ts";
import type { Step } from "../../../src/reconcile/step.ts";
import { hashOwner } from "../../../src/state/owner_key.ts";
import type {
  StateChange,
  StoredState,
  SubnetRecord,
} from "../../../src/state/store.ts";
import { TABLE_142 } from "../../../src/state/table142_store.ts";
import { CAUSE, cidr } from "../../support/fixtures.ts";
import { address, owner } from "../api/pod_network.ts";
import {
  failed,
  LOST,
  ok,
  ScriptedDataplane,
} from "../reconcile/scripted_dataplane.ts";
import { EntryTable } from "../state/entry_table.ts";

/** 13 addresses can be allocated: 10.42.1.2 to 10.42.1.14. */
const SUBNET: SubnetRecord = {
  kind: "subnet",
  subnet: cidr("10.42.1.0/28"),
  revision: 1,
  cursor: 0,
};

/** What goes wrong with one batch. */
interface Mishap {
  readonly lostAfter?: number | undefined;
  /** The operation that the kernel refuses, counted from 0. */
  readonly refused?: number | undefined;
}

function bed() {
  const table = new EntryTable();
  const mishaps: Mishap[] = [];
  const dataplane = new ScriptedDataplane((operations) => {
    const { lostAfter = Infinity, refused } = mishaps.shift() ?? {};
    const results = operations.slice(0, lostAfter).map((operation, at) =>
      at === refused ? failed("other") : carryOut(table, operation)
    );
    return lostAfter === Infinity ? { kind: "answered", results } : LOST;
  });
  const cache = new KernelCache();
  const reconciler = new Reconciler({ dataplane, cache, store: TABLE_142 });
  const state = new NetworkState(TABLE_142, cidr("10.42.0.0/16"), 1);
  change(table, { kind: "put", record: SUBNET });
  state.commitSubnet(SUBNET);
  return {
    table,
    state,
    dataplane,
    /** What goes wrong with the next batches. */
    mishaps,
    stored: (): StoredState => TABLE_142.load(table.routes()),
    /** Reconciles keys together, and resolves to the outcome of each. */
    run: async <Outcome>(plans: readonly (() => Step<Outcome>)[]) => {
      const outcomes: Outcome[] = [];
      await reconciler.reconcile(plans.map((plan, at): AnyKey =>
        loopKey<Outcome>({
          cause: CAUSE,
          device: undefined,
          plan,
          commit: (outcome) => void (outcomes[at] = outcome),
        })
      ));
      assert.equal(outcomes.length, plans.length);
      return outcomes;
    },
  };
}

type Bed = ReturnType<typeof bed>;

function carryOut(table: EntryTable, operation: Operation): OperationResult {
  switch (operation.command.kind) {
    case "own-routes":
      return ok({ kind: "table", routes: table.routes() });
    case "rules":
      return ok({ kind: "rules", hiding: false });
    default:
      return table.carryOut(operation);
  }
}

/** A change of another process, or of an earlier one of ours. */
function change(table: EntryTable, ...changes: readonly StateChange[]): void {
  for (const each of changes) {
    for (const operation of TABLE_142.stage(each, CAUSE)) table.carryOut(operation);
  }
}

const OWNERS = ["web", "db", "x".repeat(128), "cache", "mail", "y".repeat(60)].map(
  owner,
);
const HOSTS = Array.from({ length: 13 }, (_, at) => address(`10.42.1.${at + 2}`));

type Plan = () => Step<AllocateOutcome | ReleaseOutcome | ListOutcome>;

interface AllocateAct {
  readonly kind: "allocate";
  readonly owner: Owner;
  readonly requested: Ipv4Address | undefined;
}

interface ReleaseAct {
  readonly kind: "release";
  readonly by: Owner | undefined;
  readonly address: Ipv4Address;
}

type Act = AllocateAct | ReleaseAct | { readonly kind: "list" };

const allocations: fc.Arbitrary<Act> = fc.record({
  kind: fc.constant("allocate"),
  owner: fc.constantFrom(...OWNERS),
  requested: fc.option(fc.constantFrom(...HOSTS), { nil: undefined, freq: 2 }),
});

const releases: fc.Arbitrary<Act> = fc.record({
  kind: fc.constant("release"),
  by: fc.option(fc.constantFrom(...OWNERS), { nil: undefined, freq: 3 }),
  address: fc.constantFrom(...HOSTS),
});

const list: fc.Arbitrary<Act> = fc.constant({ kind: "list" });

/** Calls that share a batch; of two kinds, so that it is clear what is there afterwards. */
const groups = fc.oneof(
  fc.array(fc.oneof({ weight: 4, arbitrary: allocations }, list), { maxLength: 6 }),
  fc.array(fc.oneof({ weight: 4, arbitrary: releases }, list), { maxLength: 6 }),
);

/** A group of calls with what happens to its batches, and before it. */
interface Round {
  readonly acts: readonly Act[];
  readonly mishaps: readonly Mishap[];
  /** An allocation that another process writes. */
  readonly foreign: Ipv4Address | undefined;
  /** An address of which another process deletes the record. */
  readonly deleted: Ipv4Address | undefined;
}

function rounds(withDeletions: boolean): fc.Arbitrary<readonly Round[]> {
  const mishap: fc.Arbitrary<Mishap> = fc.oneof(
    { weight: 2, arbitrary: fc.constant({}) },
    fc.record({ lostAfter: fc.nat({ max: 12 }) }),
    fc.record({ refused: fc.nat({ max: 12 }) }),
  );
  const host = fc.option(fc.constantFrom(...HOSTS), { nil: undefined, freq: 1 });
  const round: fc.Arbitrary<Round> = fc.record({
    acts: groups,
    mishaps: fc.array(mishap, { maxLength: 5 }),
    foreign: host,
    deleted: withDeletions ? host : fc.constant(undefined),
  });
  return fc.array(round, { maxLength: 8, size: "max" });
}

function planOf(act: Act, state: NetworkState): Plan {
  switch (act.kind) {
    case "allocate":
      return () => planAllocate(state, act);
    case "release": {
      const { address, by } = act;
      const find = ({ allocator }: NetworkState): Allocation | undefined =>
        by === undefined
          ? allocator.findByAddress(address)
          : allocator.findByOwner(hashOwner(by));
      return () => planRelease(state, find);
    }
    case "list":
      return () => planList(state);
  }
}

/** Who was answered which address, and did not ask for its release since. */
class Answers {
  readonly holders: Map<Ipv4Address, Owner> = new Map();

  /** Takes what was answered to calls that ran together. */
  take(acts: readonly Act[], outcomes: readonly { readonly kind: string }[]): void {
    for (const act of acts) if (act.kind === "release") this.#forget(act);
    for (const [at, act] of acts.entries()) {
      const outcome = outcomes[at];
      if (act.kind === "allocate" && isAllocated(outcome)) {
        this.#allocated(act, outcome);
      }
    }
  }

  /** Whatever was answered: nobody relies upon it any more. */
  #forget({ address, by }: ReleaseAct): void {
    if (by === undefined) this.holders.delete(address);
    for (const [held, holder] of this.holders) {
      if (holder === by) this.holders.delete(held);
    }
  }

  #allocated(
    { owner, requested }: AllocateAct,
    { allocated }: Extract<AllocateOutcome, { readonly kind: "allocated" }>,
  ): void {
    const { address } = allocated;
    assert.equal(allocated.owner, owner);
    assert.ok(HOSTS.includes(address), `${address} is reserved`);
    if (requested !== undefined) assert.equal(address, requested);
    const holder = this.holders.get(address) ?? owner;
    assert.equal(holder, owner, `${address} was answered to ${holder}`);
    for (const [held, holder] of this.holders) {
      assert.ok(holder !== owner || held === address, `${owner} has ${held} already`);
    }
    this.holders.set(address, owner);
  }
}

function isAllocated(
  outcome: { readonly kind: string } | undefined,
): outcome is Extract<AllocateOutcome, { readonly kind: "allocated" }> {
  return outcome?.kind === "allocated";
}

/** Another process writes or deletes an allocation. */
function interfere({ table }: Bed, { deleted, foreign }: Round): void {
  if (foreign !== undefined) {
    const name = owner(`foreign-${foreign}`);
    change(table, {
      kind: "create",
      record: { kind: "address", address: foreign, key: hashOwner(name) },
    });
  }
  if (deleted !== undefined) {
    const key = hashOwner(owner("any"));
    change(table, {
      kind: "delete",
      record: { kind: "address", address: deleted, key },
    });
  }
}

const RUNS = { numRuns: 1_500 };

Deno.test("planAllocate never answers an address to two owners, nor two to one, and an answered allocation is in the store", async () => {
  await fc.assert(
    fc.asyncProperty(rounds(false), async (all) => {
      const node = bed();
      const answers = new Answers();
      let namesRefused = false;
      for (const round of all) {
        interfere(node, round);
        node.mishaps.splice(0, Infinity, ...round.mishaps);
        const outcomes = await node.run(
          round.acts.map((act) => planOf(act, node.state)),
        );
        answers.take(round.acts, outcomes);
        const stored = new Map(
          node.stored().allocations.map((found) => [found.address, found]),
        );
        // An allocation stands without its name, if the kernel refuses to write it anew;
        // the next resync does.
        namesRefused ||= round.mishaps.some(({ refused }) => refused !== undefined);
        for (const [address, owner] of answers.holders) {
          const found = stored.get(address);
          assert.equal(found?.key, hashOwner(owner));
          assert.ok(found.owner === owner || found.owner === undefined && namesRefused);
        }
      }
    }),
    RUNS,
  );
});

Deno.test("planAllocate never answers an address to two owners although another process deletes records", async () => {
  await fc.assert(
    fc.asyncProperty(rounds(true), async (all) => {
      const node = bed();
      const answers = new Answers();
      for (const round of all) {
        interfere(node, round);
        node.mishaps.splice(0, Infinity, ...round.mishaps);
        const outcomes = await node.run(
          round.acts.map((act) => planOf(act, node.state)),
        );
        answers.take(round.acts, outcomes);
      }
    }),
    RUNS,
  );
});

Deno.test("planList shows just what the store has, planRelease leaves nothing of an allocation, and the store has the cursor, whatever happened before", async () => {
  await fc.assert(
    fc.asyncProperty(rounds(false), async (all) => {
      const node = bed();
      for (const { acts, mishaps } of all) {
        // What the kernel refuses to delete of a name stays until the next start.
        const losses = mishaps.map(({ lostAfter }) => ({ lostAfter }));
        node.mishaps.splice(0, Infinity, ...losses);
        await node.run(acts.map((act) => planOf(act, node.state)));
        node.mishaps.length = 0;
        const [listed] = await node.run([() => planList(node.state)]);
        assert.ok(listed?.kind === "listed");
        const { allocations } = node.stored();
        const stored = new Map(allocations.map((found) => [found.address, found]));
        assert.deepEqual(
          listed.addresses.map(({ address }) => address),
          HOSTS.filter((host) => stored.has(host)),
        );
        for (const { address, owner } of listed.addresses) {
          // The store may lack a name whose write was refused: the next resync writes it.
          assert.ok([owner, undefined].includes(stored.get(address)?.owner));
        }
        assert.equal(listed.free, HOSTS.length - listed.addresses.length);
      }
      for (const holder of OWNERS) {
        const find = ({ allocator }: NetworkState) =>
          allocator.findByOwner(hashOwner(holder));
        const [outcome] = await node.run([() => planRelease(node.state, find)]);
        assert.ok(outcome?.kind === "released" || outcome?.kind === "absent");
      }
      const [allocated] = await node.run([
        () => planAllocate(node.state, { owner: owner("last"), requested: undefined }),
      ]);
      assert.ok(allocated?.kind === "allocated");
      const { allocations, fragments, subnets } = node.stored();
      assert.deepEqual(allocations.map(({ owner }) => owner), ["last"]);
      assert.deepEqual(fragments, []);
      assert.deepEqual(subnets, [{ ...SUBNET, cursor: node.state.allocator.cursor }]);
    }),
    RUNS,
  );
});

Deno.test("planAllocate writes no allocation without its name, with releases in the same batch and whatever is lost of it", async () => {
  // Of three addresses each is soon asked for while another call releases it.
  const host = fc.constantFrom(...HOSTS.slice(0, 3));
  const act: fc.Arbitrary<Act> = fc.oneof(
    fc.record({
      kind: fc.constant("allocate"),
      owner: fc.constantFrom(...OWNERS),
      requested: host,
    }),
    fc.record({
      kind: fc.constant("release"),
      by: fc.constant(undefined),
      address: host,
    }),
  );
  const lostRounds = fc.array(
    fc.record({
      acts: fc.array(act, { maxLength: 6 }),
      losses: fc.array(fc.option(fc.nat({ max: 12 }), { nil: undefined, freq: 3 }), {
        maxLength: 12,
        size: "max",
      }),
    }),
    { maxLength: 8, size: "max" },
  );
  await fc.assert(
    fc.asyncProperty(lostRounds, async (all) => {
      const node = bed();
      for (const { acts, losses } of all) {
        const mishaps = losses.map((lostAfter) => ({ lostAfter }));
        node.mishaps.splice(0, Infinity, ...mishaps);
        await node.run(acts.map((each) => planOf(each, node.state)));
        for (const { address, owner } of node.stored().allocations) {
          assert.ok(owner !== undefined, `${address} has no name`);
        }
      }
    }),
    RUNS,
  );
});

Deno.test("planAllocate takes no address whose release was lost, before it knows what is left of it", async () => {
  const node = bed();
  const [held] = await allocate(node, "y".repeat(60));
  assert.ok(isAllocated(held));
  const { address: requested } = held.allocated;
  const find = ({ allocator }: NetworkState) => allocator.findByAddress(requested);
  // Of the release, the record of the address goes, and the name stays.
  node.mishaps.push(
    { lostAfter: 1 },
    ...Array.from({ length: 11 }, () => ({
      lostAfter: 9,
    })),
  );
  const outcomes = await node.run<AllocateOutcome | ReleaseOutcome>([
    () => planAllocate(node.state, { owner: owner("db"), requested }),
    () => planRelease(node.state, find),
  ]);
  assert.deepEqual(outcomes.map(({ kind }) => kind), ["refused", "refused"]);
  assert.deepEqual(node.stored().allocations, []);
  node.mishaps.length = 0;
  const [again] = await node.run([
    () => planAllocate(node.state, { owner: owner("db"), requested }),
  ]);
  assert.ok(isAllocated(again));
  assert.deepEqual(node.stored().allocations, [again.allocated]);
});

function allocate(node: Bed, ...names: readonly string[]) {
  return node.run(
    names.map((name) => () =>
      planAllocate(node.state, { owner: owner(name), requested: undefined })
    ),
  );
}

Deno.test("planAllocate gives keys of one batch distinct addresses, and one owner the same one, in one batch", async () => {
  const node = bed();
  const outcomes = await allocate(node, "a", "b", "a", "c");
  const answered = outcomes.map((outcome) =>
    isAllocated(outcome) && [outcome.allocated.address, outcome.changed]
  );
  assert.deepEqual(answered, [
    ["10.42.1.2", true],
    ["10.42.1.3", true],
    ["10.42.1.2", false],
    ["10.42.1.4", true],
  ]);
  assert.equal(node.dataplane.batches.length, 1);
  assert.deepEqual(node.stored().subnets, [{ ...SUBNET, cursor: 4 }]);
  // What is so already costs no write.
  const [again] = await allocate(node, "b");
  assert.ok(isAllocated(again) && !again.changed);
  assert.equal(node.dataplane.batches.length, 1);
});

Deno.test("planAllocate leaves an address to another process that has written it, and takes the next", async () => {
  const node = bed();
  const taken = address("10.42.1.2");
  const key = hashOwner(owner("foreign"));
  change(node.table, {
    kind: "create",
    record: { kind: "address", address: taken, key },
  });
  const [first, second] = await allocate(node, "a", "b");
  assert.ok(isAllocated(first) && isAllocated(second));
  const answered = [first, second].map(({ allocated }) => allocated.address);
  assert.deepEqual(answered.toSorted(), ["10.42.1.3", "10.42.1.4"]);
  const [found] = node.stored().allocations;
  assert.deepEqual(found, { address: taken, key, owner: undefined });
});

Deno.test("planAllocate answers what a lost batch has written, and that it was changed", async () => {
  for (const lostAfter of [0, 1, 2, 3]) {
    const node = bed();
    node.mishaps.push({ lostAfter });
    const [outcome] = await allocate(node, "a");
    assert.ok(isAllocated(outcome) && outcome.changed);
    const key = hashOwner(owner("a"));
    const { address } = outcome.allocated;
    assert.deepEqual(node.stored().allocations, [{ address, key, owner: "a" }]);
    assert.deepEqual(node.stored().fragments, []);
  }
});

Deno.test("planAllocate and planRelease answer the kernel's message to a refusal, and succeed when they are asked again", async () => {
  // The cursor, the name, and the address itself.
  for (const refused of [0, 1, 2]) {
    const node = bed();
    node.mishaps.push({ refused });
    const [outcome] = await allocate(node, "a");
    assert.ok(outcome?.kind === "refused" && outcome.reason === "failed");
    assert.equal(
      outcome.sentence,
      "The kernel refused 10.42.1.2: other by the test",
    );
    // What was written beside the refusal is the owner's when it asks again.
    const [again] = await allocate(node, "a");
    assert.ok(isAllocated(again));
    assert.equal(again.allocated.address, refused === 2 ? "10.42.1.3" : "10.42.1.2");
    assert.equal(node.stored().allocations.length, 1);
  }
  const node = bed();
  const [outcome] = await allocate(node, "a");
  assert.ok(isAllocated(outcome));
  const held = outcome.allocated.address;
  node.mishaps.push({ refused: 0 });
  const find = ({ allocator }: NetworkState) => allocator.findByAddress(held);
  const [refusal] = await node.run([() => planRelease(node.state, find)]);
  assert.ok(refusal?.kind === "refused" && refusal.reason === "failed");
  assert.equal(node.stored().allocations.length, 1);
  const [released] = await node.run([() => planRelease(node.state, find)]);
  assert.equal(released?.kind, "released");
  assert.deepEqual(node.stored().allocations, []);
});

Deno.test("planRelease answers that it released an allocation that another process deleted, and nothing twice", async () => {
  const node = bed();
  const [outcome] = await allocate(node, "a");
  assert.ok(isAllocated(outcome));
  const { address } = outcome.allocated;
  const key = hashOwner(owner("a"));
  change(node.table, { kind: "delete", record: { kind: "address", address, key } });
  const find = ({ allocator }: NetworkState) => allocator.findByOwner(key);
  const [released] = await node.run([() => planRelease(node.state, find)]);
  assert.ok(released?.kind === "released");
  assert.equal(released.released.address, address);
  const [absent] = await node.run([() => planRelease(node.state, find)]);
  assert.deepEqual(absent, { kind: "absent" });
});

Deno.test("planAllocate writes the name of an owner of whom the store has only the key", async () => {
  const node = bed();
  const key = hashOwner(owner("a"));
  const held = address("10.42.1.9");
  change(node.table, {
    kind: "create",
    record: { kind: "address", address: held, key },
  });
  node.state.verify(node.stored());
  const [outcome] = await allocate(node, "a");
  assert.ok(isAllocated(outcome) && outcome.changed);
  assert.deepEqual(node.stored().allocations, [{ address: held, key, owner: "a" }]);
  const batches = node.dataplane.batches.length;
  const [again] = await allocate(node, "a");
  assert.ok(isAllocated(again) && !again.changed);
  assert.equal(node.dataplane.batches.length, batches);
});

Deno.test("planAllocate keeps a name that was written again after it had been refused", async () => {
  const node = bed();
  const name = "x".repeat(128);
  node.mishaps.push({ refused: 1 });
  const [refused] = await allocate(node, name);
  assert.equal(refused?.kind, "refused");
  await allocate(node, name);
  await allocate(node, "b");
  const names = node.stored().allocations.map(({ owner }) => owner);
  assert.deepEqual(names.toSorted(), ["b", name]);
  assert.deepEqual(node.stored().fragments, []);
});

Deno.test("planAllocate never allocates an address for which another program has an entry", async () => {
  const node = bed();
  const taken = address("10.42.1.2");
  node.table.addForeign({ prefix: hostPrefix(taken), metric: 142 });
  const outcomes = await allocate(node, "a", "b");
  const answered = outcomes.map((outcome) =>
    isAllocated(outcome) && outcome.allocated.address
  );
  assert.deepEqual(answered.toSorted(), ["10.42.1.3", "10.42.1.4"]);
  const [requested] = await node.run([
    () => planAllocate(node.state, { owner: owner("c"), requested: taken }),
  ]);
  assert.ok(requested?.kind === "refused" && requested.reason === "taken");
});

Deno.test("planAllocate answers a refusal of the address, although its name was there already", async () => {
  const node = bed();
  node.table.addForeign({ prefix: hostPrefix(address("10.42.1.2")), metric: 143 });
  node.mishaps.push({ refused: 2 });
  const [outcome] = await allocate(node, "a");
  assert.ok(outcome?.kind === "refused" && outcome.reason === "failed");
});

Deno.test("planAllocate takes an address again that another process had and has released", async () => {
  const node = bed();
  const taken = address("10.42.1.2");
  const key = hashOwner(owner("foreign"));
  change(node.table, {
    kind: "create",
    record: { kind: "address", address: taken, key },
  });
  await allocate(node, "a");
  const find = ({ allocator }: NetworkState) => allocator.findByAddress(taken);
  const [released] = await node.run([() => planRelease(node.state, find)]);
  assert.equal(released?.kind, "released");
  // Another read of the store finds nothing of it.
  node.state.markUnverified(HOSTS[9] ?? taken);
  const [outcome] = await node.run([
    () => planAllocate(node.state, { owner: owner("b"), requested: taken }),
  ]);
  assert.ok(isAllocated(outcome));
});

Deno.test("planRelease leaves an address to another process that has written it since", async () => {
  const node = bed();
  const [outcome] = await allocate(node, "a");
  assert.ok(isAllocated(outcome));
  const { address } = outcome.allocated;
  const [mine, theirs] = [hashOwner(owner("a")), hashOwner(owner("foreign"))];
  change(
    node.table,
    { kind: "delete", record: { kind: "address", address, key: mine } },
    { kind: "create", record: { kind: "address", address, key: theirs } },
  );
  // What nobody doubts stays as it was answered: another read changes nothing of it.
  node.state.markUnverified(HOSTS[9] ?? address);
  const [listed] = await node.run([() => planList(node.state)]);
  assert.ok(listed?.kind === "listed");
  assert.deepEqual(listed.addresses.map(({ owner }) => owner), ["a"]);
  const find = ({ allocator }: NetworkState) => allocator.findByOwner(mine);
  const [released] = await node.run([() => planRelease(node.state, find)]);
  assert.equal(released?.kind, "released");
  const left = node.stored().allocations.map(({ address, key }) => [address, key]);
  assert.deepEqual(left, [[address, theirs]]);
});

Deno.test("planAllocate refuses when all addresses are taken, and tells so once nothing is unverified", async () => {
  const node = bed();
  const names = HOSTS.map((_, at) => `owner-${at}`);
  const outcomes = await allocate(node, ...names, "one-more");
  assert.ok(outcomes.slice(0, -1).every(isAllocated));
  const last = outcomes.at(-1);
  assert.ok(last?.kind === "refused" && last.reason === "exhausted");
});
