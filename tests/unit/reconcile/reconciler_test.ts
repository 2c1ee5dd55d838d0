import assert from "node:assert/strict";
import { BATCH } from "../../../src/reconcile/limits.ts";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import type {
  BatchResult,
  Cause,
  Mutation,
  Operation,
  OperationResult,
} from "../../../src/dataplane/dataplane.ts";
import type { Ipv4Cidr } from "../../../src/ipam/cidr.ts";
import { KernelCache } from "../../../src/reconcile/kernel_cache.ts";
import type { WriteOutcome } from "../../../src/reconcile/outcome.ts";
import { planAbsent, planPresent } from "../../../src/reconcile/plan.ts";
import {
  type AnyKey,
  type Key,
  loopKey,
  Reconciler,
} from "../../../src/reconcile/reconciler.ts";
import {
  andThen,
  type Apply,
  done,
  type Plan,
  type PlanResults,
  planWrite,
  type Step,
} from "../../../src/reconcile/step.ts";
import type { LinkState } from "../../../src/routing/kernel_route.ts";
import type { Route } from "../../../src/routing/route.ts";
import type { StateChange, StoredState } from "../../../src/state/store.ts";
import { TABLE_142 } from "../../../src/state/table142_store.ts";
import { hostPrefix } from "../../../src/ipam/cidr.ts";
import { cidr, device, found } from "../../support/fixtures.ts";
import { address, owner } from "../api/pod_network.ts";
import {
  answered,
  DONE,
  failed,
  LOST,
  ok,
  type Script,
  ScriptedDataplane,
} from "./scripted_dataplane.ts";

const VXLAN = device("vxlan100");
const UP: LinkState = { kind: "present", ifindex: 5, up: true };

function to(host: number): Ipv4Cidr {
  return cidr(`10.${42 + Math.floor(host / 256)}.${host % 256}.0/24`);
}

function routeTo(host: number): Route {
  return { destination: to(host), device: VXLAN };
}

function causeOf(host: number): Cause {
  return { rpc: `Key${host}`, peer: "" };
}

/** The key that an operation was made for, if it changes something. */
function hostOf(operation: Operation): number | undefined {
  return "cause" in operation ? Number(operation.cause.rpc.slice(3)) : undefined;
}

/** The distinct keys whose changes are in a batch. */
function hostsOf(operations: readonly Operation[]): ReadonlySet<number> {
  return new Set(operations.flatMap((operation) => hostOf(operation) ?? []));
}

function open(script: Script) {
  const dataplane = new ScriptedDataplane(script);
  const cache = new KernelCache();
  const reconciler = new Reconciler({ dataplane, cache, store: TABLE_142 });
  return { dataplane, cache, reconciler };
}

/** A key that writes one route, and what became of it. */
function writeKey(host: number, commits: Map<number, WriteOutcome>): AnyKey {
  return loopKey<WriteOutcome>({
    cause: causeOf(host),
    device: undefined,
    plan: () => planWrite({ program: [{ kind: "add-route", route: routeTo(host) }] }),
    commit: (outcome) => {
      assert.ok(!commits.has(host), "a key is committed once");
      commits.set(host, outcome);
    },
  });
}

/** Keys of every kind that the loop has. */
function keysOf(
  count: number,
  commit: (host: number) => void,
  dryRun: (host: number) => boolean = () => false,
): readonly AnyKey[] {
  return Array.from({ length: count }, (_, host): AnyKey => {
    const route = routeTo(host);
    const shared = { cause: causeOf(host), dryRun: dryRun(host) };
    const record = { kind: "route", route, claimed: true } as const;
    const installed = host % 3 === 0 ? route : undefined;
    switch (host % 4) {
      case 0:
        return key({
          ...shared,
          device: VXLAN,
          plan: () =>
            planPresent(
              { route, installed, persist: record, undo: { kind: "delete", record } },
              { link: undefined, clear: host % 8 === 0, occupied: host % 3 === 1 },
            ),
          commit: () => commit(host),
        });
      case 1:
        return key({
          ...shared,
          device: undefined,
          plan: () => {
            const { destination } = route;
            const goal = {
              destination,
              owners: "ours",
              installed,
              erase: record,
            } as const;
            return planAbsent(goal, { clear: host % 8 === 1 });
          },
          commit: () => commit(host),
        });
      case 2:
        return key({
          ...shared,
          device: undefined,
          plan: () => planWrite({ persist: [{ kind: "put", record }] }),
          commit: () => commit(host),
        });
      default:
        return key({
          ...shared,
          device: undefined,
          plan: () => loading(),
          commit: () => commit(host),
        });
    }
  });
}

function key<Outcome>(parts: Key<Outcome>): AnyKey {
  return loopKey(parts);
}

/** Loads the store, then answers without a write. */
function loading(): Step<string> {
  const answer: Apply<string> = {
    kind: "apply",
    plan: {},
    expected: "expected",
    then: () => done("answered"),
    lost: () => answer,
    giveUp: () => "given up",
  };
  const load: Step<string> = {
    kind: "load",
    then: () => answer,
    lost: () => load,
    giveUp: () => "given up",
  };
  return load;
}

const kinds = [
  "exists",
  "absent",
  "no-device",
  "link-down",
  "not-permitted",
  "unreachable",
  "no-table",
  "other",
] as const;

const results: fc.Arbitrary<OperationResult> = fc.oneof(
  fc.constant(DONE),
  fc.constantFrom(...kinds).map((kind) => failed(kind)),
  fc.constantFrom<LinkState[]>(UP, { ...UP, up: false }, { kind: "missing" })
    .map((link) => ok({ kind: "link", link, ifindex: 5 })),
  fc.constantFrom(
    ok({ kind: "best-route", route: undefined }),
    ok({ kind: "best-route", route: found(to(0), { device: VXLAN }) }),
    ok({ kind: "best-route", route: found(cidr("10.42.0.0/16"), { protocol: 3 }) }),
    ok({ kind: "routes", routes: [] }),
    ok({ kind: "routes", routes: [found(to(0), { protocol: 2 })] }),
    ok({ kind: "routes", routes: [found(to(1), { protocol: 4 }), found(to(1))] }),
    ok({ kind: "table", routes: [] }),
    ok({ kind: "rules", hiding: true }),
    ok({ kind: "link-names", names: new Set<string>() }),
  ),
);

/** Whatever a dataplane may answer: also too few results, and those of other reads. */
const batches: fc.Arbitrary<BatchResult> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(LOST) },
  {
    weight: 3,
    arbitrary: fc.array(results, { maxLength: 40, size: "max" })
      .map((results): BatchResult => ({ kind: "answered", results })),
  },
);

const counts = fc.oneof(fc.nat({ max: 20 }), fc.integer({ min: 120, max: 300 }));

Deno.test("Reconciler.reconcile never rejects and commits each key once, whatever the dataplane answers", async () => {
  await fc.assert(
    fc.asyncProperty(
      counts,
      fc.array(batches, { minLength: 1, maxLength: 30, size: "max" }),
      async (count, answers) => {
        const { dataplane, reconciler } = open((_, batch) =>
          answers[batch % answers.length] ?? LOST
        );
        const commits = new Map<number, number>();
        const commit = (host: number) =>
          void commits.set(host, (commits.get(host) ?? 0) + 1);
        await reconciler.reconcile(keysOf(count, commit));
        assert.equal(commits.size, count);
        assert.ok([...commits.values()].every((times) => times === 1));
        assert.equal(dataplane.inFlight, 0);
        assert.ok(dataplane.mostInFlight <= 2);
        for (const operations of dataplane.batches) {
          assert.ok(hostsOf(operations).size <= BATCH);
        }
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("Reconciler.reconcile sends no mutation of a dry run, whatever the dataplane answers", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.boolean(), { maxLength: 40, size: "max" }),
      fc.array(batches, { minLength: 1, maxLength: 30, size: "max" }),
      async (dry, answers) => {
        const { dataplane, reconciler } = open((_, batch) =>
          answers[batch % answers.length] ?? LOST
        );
        let commits = 0;
        const isDry = (host: number) => dry[host] === true;
        await reconciler.reconcile(keysOf(dry.length, () => commits += 1, isDry));
        assert.equal(commits, dry.length);
        for (const operations of dataplane.batches) {
          assert.deepEqual([...hostsOf(operations)].filter(isDry), []);
        }
      },
    ),
    { numRuns: 200 },
  );
});

/** Answers as a kernel without any route, unless the batch is about one of these keys. */
function losing(poisoned: ReadonlySet<number>): Script {
  return (operations) =>
    [...hostsOf(operations)].some((host) => poisoned.has(host))
      ? LOST
      : answered(operations, (operation) =>
        "cause" in operation ? DONE : ok({ kind: "rules", hiding: false }));
}

Deno.test("Reconciler.reconcile halves a lost batch until only the key is lost that no ip outlives", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 300 }),
      fc.array(fc.nat({ max: 299 }), { maxLength: 3 }),
      async (count, chosen) => {
        const poisoned = new Set(chosen.filter((host) => host < count));
        const { dataplane, reconciler } = open(losing(poisoned));
        const commits = new Map<number, WriteOutcome>();
        const keys = Array.from(
          { length: count },
          (_, host) => writeKey(host, commits),
        );
        await reconciler.reconcile(keys);
        assert.equal(commits.size, count);
        for (const [host, outcome] of commits) {
          const expected = poisoned.has(host)
            ? { kind: "lost", why: "as the test wants" }
            : { kind: "written" };
          assert.deepEqual(outcome, expected);
        }
        // Not one batch for each key: some 2 log2(128) for each that is poisoned.
        const most = Math.ceil(count / BATCH) + 24 * poisoned.size;
        assert.ok(
          dataplane.batches.length <= most,
          `${dataplane.batches.length} batches`,
        );
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("Reconciler.reconcile gives up a batch soon when ip answers nothing at all, and says why", async () => {
  const { dataplane, reconciler } = open(() => LOST);
  const commits = new Map<number, WriteOutcome>();
  const keys = Array.from({ length: BATCH }, (_, host) => writeKey(host, commits));
  await reconciler.reconcile(keys);
  assert.equal(commits.size, BATCH);
  for (const outcome of commits.values()) {
    assert.deepEqual(outcome, { kind: "lost", why: "as the test wants" });
  }
  // Five, and the probe.
  assert.equal(dataplane.batches.length, 6);
  assert.deepEqual(dataplane.batches.at(-1), [{ command: { kind: "rules" } }]);
});

Deno.test("Reconciler.reconcile gives a key that is lost alone so many batches and no more", async () => {
  const { dataplane, reconciler } = open(losing(new Set([0])));
  const commits = new Map<number, WriteOutcome>();
  await reconciler.reconcile([writeKey(0, commits)]);
  assert.equal(commits.get(0)?.kind, "lost");
  const tried = dataplane.batches.filter((operations) => hostsOf(operations).size > 0);
  assert.equal(tried.length, 6);
});

Deno.test("Reconciler.reconcile gives a key two batches alone after it was lost in company", async () => {
  const { dataplane, reconciler } = open(losing(new Set([0])));
  const commits = new Map<number, WriteOutcome>();
  await reconciler.reconcile([0, 1].map((host) => writeKey(host, commits)));
  assert.deepEqual([commits.get(0)?.kind, commits.get(1)?.kind], ["lost", "written"]);
  const tried = dataplane.batches.map((operations) => [...hostsOf(operations)].join());
  assert.deepEqual(tried.toSorted(), ["0", "0", "0,1", "1"]);
});

Deno.test("Reconciler.reconcile goes on after a lost batch with the step that the plan has for it", async () => {
  const { reconciler } = open(() => LOST);
  const outcomes: string[] = [];
  await reconciler.reconcile([key<string>({
    cause: causeOf(0),
    device: undefined,
    plan: () => ({
      kind: "observe",
      question: { destination: to(0), walk: false },
      then: () => done("observed"),
      lost: () => done("lost once"),
      giveUp: () => "given up",
    }),
    commit: (outcome) => void outcomes.push(outcome),
  })]);
  assert.deepEqual(outcomes, ["lost once"]);
});

Deno.test("Reconciler.reconcile lets each key of a lost batch say what is in doubt, before any of them plans again", async () => {
  const { reconciler } = open(() => LOST);
  const calls: string[] = [];
  await reconciler.reconcile(["a", "b"].map((name) =>
    key<string>({
      cause: causeOf(0),
      device: undefined,
      plan: () =>
        andThen(
          {
            kind: "load",
            then: () => done("loaded"),
            doubt: () => void calls.push(`${name} doubts`),
            lost: () => {
              calls.push(`${name} plans`);
              return done("lost");
            },
            giveUp: () => "given up",
          },
          done,
          (outcome) => outcome,
        ),
      commit: () => {},
    })
  ));
  assert.deepEqual(calls, ["a doubts", "b doubts", "a plans", "b plans"]);
});

Deno.test("Reconciler.reconcile has two batches of at most 128 keys in flight, and never a third", async () => {
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const { dataplane, reconciler } = open(async (operations, batch) => {
    await gates[batch]?.promise;
    return answered(operations, () => DONE);
  });
  const commits = new Map<number, WriteOutcome>();
  const keys = Array.from(
    { length: 3 * BATCH + 1 },
    (_, host) => writeKey(host, commits),
  );
  const reconciled = reconciler.reconcile(keys);
  for (const [batch, gate] of gates.entries()) {
    await turns();
    assert.equal(dataplane.batches.length, Math.min(batch + 2, 4));
    assert.equal(commits.size, batch * BATCH);
    gate.resolve();
  }
  await reconciled;
  const sizes = dataplane.batches.map((operations) => hostsOf(operations).size);
  assert.deepEqual(sizes, [BATCH, BATCH, BATCH, 1]);
  assert.equal(dataplane.mostInFlight, 2);
});

/** Lets everything happen that waits for no gate: each key's commit has its turn. */
const turns = () => setImmediate();

Deno.test("Reconciler.reconcile admits waiting calls between two batches, when none is in flight", async () => {
  const { dataplane, reconciler } = open((operations) =>
    answered(operations, () => DONE)
  );
  const commits = new Map<number, WriteOutcome>();
  const keys = Array.from({ length: 3 * BATCH }, (_, host) => writeKey(host, commits));
  const admitted: number[] = [];
  await reconciler.reconcile(keys, {
    get waiting() {
      return admitted.length === 0;
    },
    arrived: () => new Promise(() => {}),
    admit: () => {
      assert.equal(dataplane.inFlight, 0);
      admitted.push(commits.size);
      return Promise.resolve();
    },
  });
  assert.deepEqual(admitted, [BATCH]);
  assert.equal(commits.size, 3 * BATCH);
});

Deno.test("Reconciler.reconcile admits each call that comes while it waits for the reader of the audit log", async () => {
  const { dataplane, reconciler } = open((operations) =>
    answered(operations, () => DONE)
  );
  const reader = Promise.withResolvers<boolean>();
  dataplane.readsAuditLog = reader.promise;
  const commits = new Map<number, WriteOutcome>();
  const keys = Array.from({ length: 2 * BATCH }, (_, host) => writeKey(host, commits));
  let call = Promise.withResolvers<void>();
  let admitted = 0;
  const reconciled = reconciler.reconcile(keys, {
    waiting: false,
    arrived: () => call.promise,
    admit: () => {
      assert.deepEqual([dataplane.inFlight, commits.size], [0, BATCH]);
      admitted += 1;
      call = Promise.withResolvers();
      return Promise.resolve();
    },
  });
  for (const calls of [1, 2]) {
    await turns();
    call.resolve();
    await turns();
    assert.equal(admitted, calls);
  }
  assert.equal(commits.size, BATCH);
  reader.resolve(true);
  await reconciled;
  assert.equal(commits.size, 2 * BATCH);
});

Deno.test("Reconciler.reconcile drains the audit log between batches, until nobody reads it", async () => {
  for (const [readsAuditLog, drains] of [[true, 3], [false, 1]] as const) {
    const { dataplane, reconciler } = open((operations) =>
      answered(operations, () => DONE)
    );
    dataplane.readsAuditLog = readsAuditLog;
    const commits = new Map<number, WriteOutcome>();
    await reconciler.reconcile(
      Array.from({ length: 4 * BATCH }, (_, host) => writeKey(host, commits)),
    );
    assert.equal(dataplane.drains, drains);
  }
});

Deno.test("Reconciler.reconcile commits all keys of a batch in one turn, then waits for each answer", async () => {
  const { dataplane, reconciler } = open((operations) =>
    answered(operations, () => DONE)
  );
  const gate = Promise.withResolvers<void>();
  const seen: string[] = [];
  const keys = ["first", "second"].map((name, host) =>
    key<string>({
      cause: causeOf(host),
      device: undefined,
      plan: () => done(name),
      commit: (outcome) => {
        seen.push(`commit ${outcome}`);
        // A turn between two commits would stand between them.
        queueMicrotask(() => seen.push("turn"));
      },
      answer: async (outcome) => {
        await gate.promise;
        seen.push(`answer ${outcome}`);
      },
    })
  );
  const reconciled = reconciler.reconcile(keys).then(() => seen.push("end"));
  await turns();
  assert.deepEqual(seen, ["commit first", "commit second", "turn", "turn"]);
  gate.resolve();
  await reconciled;
  assert.deepEqual(seen.slice(4), ["answer first", "answer second", "end"]);
  assert.deepEqual(dataplane.batches, []);
});

Deno.test("Reconciler.reconcile neither commits nor answers a key whose plan has nothing to do", async () => {
  const { reconciler } = open(() => LOST);
  const never = () => assert.fail("there was nothing to do");
  await reconciler.reconcile([key<string>({
    cause: causeOf(0),
    device: undefined,
    plan: () => undefined,
    commit: never,
    answer: never,
  })]);
});

/** A key of one plan; `then` tells what it was given. */
function applyKey(
  host: number,
  plan: Plan,
  then: (results: PlanResults, link: LinkState | undefined) => void,
  through?: typeof VXLAN,
): AnyKey {
  const step: Apply<string> = {
    kind: "apply",
    plan,
    expected: "expected",
    then: (results, link) => {
      then(results, link);
      return done("applied");
    },
    lost: () => step,
    giveUp: () => "given up",
  };
  return key({
    cause: causeOf(host),
    device: through,
    plan: () => step,
    commit: () => {},
  });
}

Deno.test("Reconciler.reconcile interprets keys that write nothing after those that do", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.boolean(), { maxLength: 30, size: "max" }),
      async (writers) => {
        const { reconciler } = open((operations) => answered(operations, () => DONE));
        const order: number[] = [];
        await reconciler.reconcile(writers.map((isWriter, host) => {
          const add = { kind: "add-route", route: routeTo(host) } as const;
          const plan = isWriter ? { program: [add] } : {};
          return applyKey(host, plan, () => order.push(host));
        }));
        const hosts = [...writers.keys()];
        assert.deepEqual(order, [
          ...hosts.filter((host) => writers[host]),
          ...hosts.filter((host) => !writers[host]),
        ]);
      },
    ),
  );
});

const hosts = fc.integer({ min: 1, max: 254 });

const changes: fc.Arbitrary<StateChange> = fc.record({
  host: hosts,
  length: fc.integer({ min: 1, max: 128 }),
}).map(({ host, length }) => ({
  kind: "create",
  record: {
    kind: "owner",
    address: address(`10.42.1.${host}`),
    owner: owner("x".repeat(length)),
  },
}));

const mutations: fc.Arbitrary<Mutation> = fc.tuple(
  hosts,
  fc.constantFrom("add-route", "replace-route", "delete-route"),
).map(([host, kind]): Mutation =>
  kind === "delete-route"
    ? { kind, route: found(to(host), { device: VXLAN }) }
    : { kind, route: routeTo(host) }
);

const plans: fc.Arbitrary<Plan> = fc.record({
  persist: fc.array(changes, { maxLength: 3 }),
  program: fc.array(mutations, { maxLength: 3 }),
  cleanUp: fc.array(fc.oneof(changes, mutations), { maxLength: 3 }),
  rollBack: fc.array(fc.oneof(changes, mutations), { maxLength: 3 }),
  verify: fc.array(
    hosts.map((host) => ({ kind: "best-route", destination: to(host) }) as const),
    { maxLength: 3 },
  ),
}, { requiredKeys: [] });

/** What the kernel says to an operation: some fail, each with a message of its own. */
function verdict(operation: Operation): OperationResult {
  const text = JSON.stringify(operation.command);
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.charCodeAt(0)) % 1_000_003;
  return sum % 3 === 0 ? failed("other", text) : DONE;
}

const ORDER = ["persist", "program", "cleanUp", "rollBack", "verify"] as const;

Deno.test("Reconciler.reconcile carries a plan out in the order of its roles, and hands each part its own result", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(plans, { maxLength: 6 }), async (all) => {
      const { dataplane, reconciler } = open((operations) =>
        answered(operations, verdict)
      );
      const given: PlanResults[] = [];
      await reconciler.reconcile(
        all.map((plan, host) =>
          applyKey(host, plan, (results) => given[host] = results)
        ),
      );
      const expected: Operation[] = [];
      for (const [host, plan] of all.entries()) {
        for (const role of ORDER) {
          const parts = (plan[role] ?? []).map((part): readonly Operation[] => {
            if ("record" in part) return TABLE_142.stage(part, causeOf(host));
            if ("route" in part) return [{ command: part, cause: causeOf(host) }];
            assert.ok("destination" in part);
            return [{ command: part }];
          });
          expected.push(...parts.flat());
          const outcomes = parts.map((operations) =>
            operations.map(verdict).find((result) => !result.ok) ?? DONE
          );
          assert.deepEqual(given[host]?.[role], outcomes, role);
        }
      }
      assert.deepEqual(dataplane.batches.flat(), expected);
      assert.ok(dataplane.batches.length <= 1);
    }),
    { numRuns: 500 },
  );
});

Deno.test("Reconciler.reconcile observes each device once a batch, ahead of all else, and gives it to its keys", async () => {
  const other = device("wg0");
  const states = new Map<string, LinkState>([[VXLAN, UP], [other, {
    kind: "missing",
  }]]);
  const { dataplane, reconciler } = open((operations) =>
    answered(
      operations,
      ({ command }) =>
        command.kind === "link"
          ? ok({ kind: "link", link: states.get(command.device) ?? UP, ifindex: 5 })
          : DONE,
    )
  );
  const seen: (LinkState | undefined)[] = [];
  const add = (host: number) => ({
    program: [{ kind: "add-route", route: routeTo(host) } as const],
  });
  await reconciler.reconcile(
    [VXLAN, other, VXLAN, undefined].map((through, host) =>
      applyKey(host, add(host), (_, link) => seen[host] = link, through)
    ),
  );
  assert.deepEqual(seen, [UP, { kind: "missing" }, UP, undefined]);
  const [first, second, ...rest] = dataplane.batches[0] ?? [];
  assert.deepEqual([first, second], [
    { command: { kind: "link", device: VXLAN } },
    { command: { kind: "link", device: other } },
  ]);
  assert.equal(rest.length, 4);
});

Deno.test("Reconciler.reconcile gives an observation the key's device, and tells a plan whether rules hide routes", async () => {
  const other = device("wg0");
  const { cache, reconciler } = open((operations) =>
    answered(operations, ({ command }) => {
      if (command.kind !== "link") return failed("unreachable");
      const link: LinkState = command.device === VXLAN ? UP : { kind: "missing" };
      return ok({ kind: "link", link, ifindex: 5 });
    })
  );
  const seen: unknown[] = [];
  const observing = (host: number, through: typeof VXLAN | undefined) =>
    key<string>({
      cause: causeOf(host),
      device: through,
      plan: () => ({
        kind: "observe",
        question: { destination: to(host), walk: false },
        then: (observation) => {
          seen.push(observation.kind === "seen" ? observation.link : observation.kind);
          return {
            kind: "apply",
            plan: { verify: [{ kind: "best-route", destination: to(host) }] },
            expected: "expected",
            then: (_results, _link, rulesMayHide) => {
              seen.push(rulesMayHide);
              return done("applied");
            },
            lost: () => done("lost"),
            giveUp: () => "given up",
          };
        },
        lost: () => done("lost"),
        giveUp: () => "given up",
      }),
      commit: () => {},
    });
  for (const through of [VXLAN, other, undefined]) {
    await reconciler.reconcile([observing(0, through)]);
  }
  const missing = { kind: "missing" };
  assert.deepEqual(seen, [UP, false, missing, false, missing, false]);
  cache.learnRules(true);
  seen.length = 0;
  await reconciler.reconcile([observing(0, VXLAN)]);
  assert.deepEqual(seen, ["unclear", true]);
});

Deno.test("Reconciler.reconcile lets a key that has to be applied again wait for the next round", async () => {
  const { dataplane, reconciler } = open((operations) =>
    answered(
      operations,
      (operation) => "cause" in operation ? DONE : failed("unreachable"),
    )
  );
  const add = (host: number, then: () => Step<string>): Apply<string> => ({
    kind: "apply",
    plan: { program: [{ kind: "add-route", route: routeTo(host) }] },
    expected: "expected",
    then,
    lost: () => done("lost"),
    giveUp: () => "given up",
  });
  const twice = add(0, () => add(0, () => done("applied twice")));
  const observed: Step<string> = {
    kind: "observe",
    question: { destination: to(1), walk: false },
    then: () => add(1, () => done("applied")),
    lost: () => done("lost"),
    giveUp: () => "given up",
  };
  await reconciler.reconcile([twice, observed].map((step, host) =>
    key<string>({
      cause: causeOf(host),
      device: undefined,
      plan: () => step,
      commit: () => {},
    })
  ));
  const applied = dataplane.batches.map((operations) => [...hostsOf(operations)]);
  assert.deepEqual(applied, [[0], [1], [0]]);
});

Deno.test("Reconciler.reconcile puts the record of a subnet once a batch, ahead of what rests upon it, as the last key has it", async () => {
  const { dataplane, reconciler } = open((operations) =>
    answered(
      operations,
      (operation) => operation.command.kind === "put-entry" ? failed("other") : DONE,
    )
  );
  const given: PlanResults[] = [];
  const subnet = cidr("10.42.1.0/24");
  await reconciler.reconcile([2, 3, 4].map((cursor) => {
    const plan: Plan = {
      persist: [
        { kind: "put", record: { kind: "subnet", subnet, revision: 7, cursor } },
        {
          kind: "create",
          record: {
            kind: "owner",
            address: address(`10.42.1.${cursor}`),
            owner: owner("web"),
          },
        },
      ],
    };
    return applyKey(cursor, plan, (results) => void given.push(results));
  }));
  const entries = dataplane.batches[0]?.map(({ command }) =>
    "entry" in command
      ? [command.kind, command.entry.prefix, command.entry.payload]
      : []
  );
  assert.deepEqual(entries?.map(([kind, prefix]) => `${kind} ${prefix}`), [
    `put-entry ${subnet}`,
    ...[2, 3, 4].map((host) =>
      `create-entry ${hostPrefix(address(`10.42.1.${host}`))}`
    ),
  ]);
  assert.deepEqual(entries?.[0]?.[2], [7, 4]);
  for (const { persist } of given) {
    assert.deepEqual(persist.map(({ ok }) => ok), [false, true]);
  }
});

Deno.test("Reconciler.reconcile reads the store once a batch for all keys that need it, and again if that failed", async () => {
  const { dataplane, reconciler } = open((operations, batch) =>
    answered(
      operations,
      () => batch === 0 ? failed("other") : ok({ kind: "table", routes: [] }),
    )
  );
  const loaded: StoredState[] = [];
  const outcomes: string[] = [];
  const keys = [0, 1].map((host) => {
    const step: Step<string> = {
      kind: "load",
      then: (state) => {
        loaded.push(state);
        return done("loaded");
      },
      lost: () => step,
      giveUp: () => "given up",
    };
    return key<string>({
      cause: causeOf(host),
      device: undefined,
      plan: () => step,
      commit: (outcome) => void outcomes.push(outcome),
    });
  });
  await reconciler.reconcile(keys);
  assert.deepEqual(outcomes, ["loaded", "loaded"]);
  assert.equal(loaded.length, 2);
  for (const operations of dataplane.batches) {
    assert.deepEqual(operations, [{ command: { kind: "own-routes" } }]);
  }
});

Deno.test("Reconciler.read tries three times while ip is lost", async () => {
  for (const [losses, kind] of [[2, "answered"], [3, "lost"]] as const) {
    const { dataplane, reconciler } = open((operations, batch) =>
      batch < losses ? LOST : answered(operations, () => DONE)
    );
    const reply = await reconciler.read([{ command: { kind: "rules" } }]);
    assert.equal(reply.kind, kind);
    assert.equal(dataplane.batches.length, 3);
  }
});
