import assert from "node:assert/strict";
import fc from "fast-check";
import type { Ipv4Cidr } from "../../../src/ipam/cidr.ts";
import {
  type DesiredRoute,
  DesiredState,
} from "../../../src/reconcile/desired_state.ts";
import {
  type AbsentOutcome,
  INSTALLED,
  type PresentOutcome,
  type RollBack,
} from "../../../src/reconcile/outcome.ts";
import type { Route } from "../../../src/routing/route.ts";
import type { RouteRecord } from "../../../src/state/store.ts";
import { cidr, device } from "../../support/fixtures.ts";

const TO = cidr("10.42.2.0/24");
const ROUTE = { destination: TO, device: device("vxlan100") };
const BEFORE = { destination: TO, device: device("wg0") };
const failure = { kind: "other", message: "No buffer space available" } as const;

function refusedAs(rollBack: RollBack): readonly PresentOutcome[] {
  return [
    { kind: "failed", failure, rollBack },
    { kind: "connected", device: device("quilt0"), withdrew: false, rollBack },
  ];
}

const ADDED: PresentOutcome = {
  kind: "added",
  ifindex: 5,
  replaced: [],
};
const UNCHANGED: PresentOutcome = { kind: "unchanged", ifindex: 5 };
const PENDING: PresentOutcome = { kind: "pending", reason: "down" };
const LOST = { kind: "lost", why: "ip was killed" } as const;
const FAILED: AbsentOutcome = { kind: "failed", failure };

const WAITING = { kind: "waiting", reason: "down" } as const;
const LOST_STATUS = {
  kind: "error",
  sentence: "No answer from the kernel about 10.42.2.0/24: ip was killed; " +
    "the state is unknown, call again",
} as const;

function recordOf(route: Route, claimed = true): RouteRecord {
  return { kind: "route", route, claimed };
}

function desiredOf(route: Route, persisted = true): DesiredRoute {
  return { route, persisted, status: INSTALLED };
}

/** A state, and the destinations that it reported as perhaps changed. */
function open(...desired: readonly DesiredRoute[]) {
  const changed: Ipv4Cidr[] = [];
  const state = new DesiredState((destination) => changed.push(destination));
  for (const each of desired) state.put(each);
  changed.length = 0;
  return { state, changed };
}

/** What commitPresent does with an outcome: the route that is desired, and the rest. */
const commits: readonly (readonly [
  what: string,
  outcome: PresentOutcome,
  before: DesiredRoute | undefined,
  after: DesiredRoute | undefined,
  needsRepair: boolean,
  pendingDeletion: boolean,
])[] = [
  ["an added route", ADDED, undefined, desiredOf(ROUTE), false, false],
  ["an unchanged route", UNCHANGED, undefined, desiredOf(ROUTE), false, false],
  [
    "a pending route",
    PENDING,
    undefined,
    {
      route: ROUTE,
      persisted: true,
      status: WAITING,
    },
    false,
    false,
  ],
  [
    "a lost route",
    LOST,
    undefined,
    {
      route: ROUTE,
      persisted: false,
      status: LOST_STATUS,
    },
    true,
    false,
  ],
  [
    "an added route in place of another",
    ADDED,
    desiredOf(BEFORE),
    desiredOf(ROUTE),
    false,
    false,
  ],
  [
    "a lost route in place of another",
    LOST,
    desiredOf(BEFORE),
    {
      route: ROUTE,
      persisted: false,
      status: LOST_STATUS,
    },
    true,
    false,
  ],
];

for (const [what, outcome, before, after, needsRepair, pendingDeletion] of commits) {
  Deno.test(`DesiredState.commitPresent takes ${what}`, () => {
    const { changed, state } = open(...before === undefined ? [] : [before]);
    assert.equal(state.commitPresent(ROUTE, outcome), needsRepair);
    assert.deepEqual(state.get(TO), after);
    assert.equal(state.isPendingDeletion(TO), pendingDeletion);
    assert.deepEqual(changed, [TO]);
  });
}

for (const rollBack of ["not-needed", "done"] as const) {
  for (const outcome of refusedAs(rollBack)) {
    Deno.test(`DesiredState.commitPresent keeps what was desired after ${outcome.kind} with roll-back ${rollBack}`, () => {
      for (const before of [[], [desiredOf(BEFORE)], [desiredOf(ROUTE)]]) {
        const { changed, state } = open(...before);
        // A roll-back may have taken the route of before with it.
        const needsRepair = rollBack === "done" && before.length > 0;
        assert.equal(state.commitPresent(ROUTE, outcome), needsRepair);
        assert.deepEqual(state.routes(), before);
        assert.deepEqual([...state.pendingDeletions()], []);
        assert.deepEqual(changed, []);
      }
    });
  }
}

for (const outcome of refusedAs("unconfirmed")) {
  Deno.test(`DesiredState.commitPresent marks what may be left of a new route for deletion after ${outcome.kind}`, () => {
    const { state } = open();
    assert.equal(state.commitPresent(ROUTE, outcome), true);
    assert.deepEqual([...state.pendingDeletions()], [TO]);
    // The record has to go as well, or the next start would restore the route.
    const repair = state.repairGoal(TO);
    assert.deepEqual(repair, {
      kind: "absent",
      goal: {
        destination: TO,
        owners: "ours",
        installed: undefined,
        erase: recordOf(ROUTE),
      },
    });
  });

  Deno.test(`DesiredState.commitPresent has the record of the route before written again after ${outcome.kind}`, () => {
    const { state } = open(desiredOf(BEFORE));
    assert.equal(state.commitPresent(ROUTE, outcome), true);
    assert.deepEqual(state.get(TO), desiredOf(BEFORE, false));
    assert.deepEqual([...state.pendingDeletions()], []);
    const repair = state.repairGoal(TO);
    assert.ok(repair?.kind === "present");
    assert.deepEqual(repair.goal, {
      route: BEFORE,
      installed: BEFORE,
      persist: recordOf(BEFORE),
      undo: undefined,
    });
  });
}

const removals: readonly (readonly [AbsentOutcome, keeps: boolean, repair: boolean])[] =
  [
    [{ kind: "removed" }, false, false],
    [{ kind: "absent" }, false, false],
    [FAILED, true, false],
    [LOST, true, true],
  ];

for (const [outcome, keeps, needsRepair] of removals) {
  Deno.test(`DesiredState.commitAbsent takes a route that is ${outcome.kind}`, () => {
    const { state } = open(desiredOf(ROUTE));
    state.markAllStale();
    assert.equal(state.commitAbsent(TO, "overlay", outcome), needsRepair);
    assert.deepEqual(
      state.get(TO),
      keeps ? desiredOf(ROUTE, outcome.kind !== "lost") : undefined,
    );
    assert.equal(state.isPendingDeletion(TO), needsRepair);
    assert.equal(state.isClaimed(TO), !keeps);
    const repair = state.repairGoal(TO);
    assert.equal(repair?.kind, keeps ? needsRepair ? "absent" : "present" : undefined);
  });
}

Deno.test("DesiredState.commitAbsent remembers whose routes a lost removal was about", () => {
  for (const owners of ["ours", "overlay"] as const) {
    const { state } = open();
    assert.equal(state.commitAbsent(TO, owners, LOST), true);
    const goal = { destination: TO, owners, installed: undefined, erase: undefined };
    assert.deepEqual(state.repairGoal(TO), { kind: "absent", goal });
  }
});

const repairs: readonly (readonly [
  PresentOutcome,
  wasPersisted: boolean,
  DesiredRoute,
])[] = [
  [ADDED, false, desiredOf(ROUTE)],
  [UNCHANGED, false, desiredOf(ROUTE)],
  [PENDING, false, { route: ROUTE, persisted: true, status: WAITING }],
  [LOST, false, { route: ROUTE, persisted: false, status: LOST_STATUS }],
  [LOST, true, { route: ROUTE, persisted: true, status: LOST_STATUS }],
  [{ kind: "failed", failure, rollBack: "not-needed" }, false, {
    route: ROUTE,
    persisted: false,
    status: {
      kind: "error",
      sentence: "The kernel refused 10.42.2.0/24: No buffer space available",
    },
  }],
  [
    {
      kind: "connected",
      device: device("quilt0"),
      withdrew: true,
      rollBack: "not-needed",
    },
    true,
    {
      route: ROUTE,
      persisted: true,
      status: {
        kind: "error",
        sentence: "10.42.2.0/24 is directly connected on quilt0; " +
          "refusing to replace it",
      },
    },
  ],
];

for (const [outcome, wasPersisted, after] of repairs) {
  Deno.test(
    `DesiredState.commitRepair keeps a route that was ${
      wasPersisted ? "" : "not "
    }persisted, whatever comes of it: ${outcome.kind}`,
    () => {
      const before = desiredOf(ROUTE, wasPersisted);
      const { state } = open(before);
      state.markAllStale();
      state.commitRepair(before, outcome);
      assert.deepEqual(state.get(TO), after);
      assert.ok(!state.isClaimed(TO), "a repair is no claim");
    },
  );
}

for (
  const [outcome, ends] of [
    [{ kind: "removed" }, true],
    [{ kind: "absent" }, true],
    [LOST, false],
  ] as const
) {
  Deno.test(
    `DesiredState.commitDeletion ${
      ends ? "ends" : "keeps"
    } a pending deletion that is ${outcome.kind}`,
    () => {
      for (const before of [[], [desiredOf(ROUTE)]]) {
        const { state } = open(...before);
        state.markForDeletion(TO, "ours");
        state.commitDeletion(TO, outcome);
        assert.equal(state.isPendingDeletion(TO), !ends);
        assert.equal(state.get(TO) !== undefined, !ends && before.length > 0);
      }
    },
  );
}

Deno.test("DesiredState.commitDeletion drops a failed deletion of what was never desired, so that it deletes nothing on a later day", () => {
  const { state } = open();
  state.markForDeletion(TO, "overlay");
  state.commitDeletion(TO, FAILED);
  assert.deepEqual([...state.pendingDeletions()], []);
  const kept = open(desiredOf(ROUTE)).state;
  kept.markForDeletion(TO, "overlay");
  kept.commitDeletion(TO, FAILED);
  assert.deepEqual([...kept.pendingDeletions()], [TO]);
});

Deno.test("DesiredState.put ends a pending deletion: the route is desired again", () => {
  const { state } = open(desiredOf(ROUTE));
  state.markForDeletion(TO, "overlay");
  assert.equal(state.get(TO)?.persisted, false);
  state.put(desiredOf(ROUTE));
  assert.deepEqual([...state.pendingDeletions()], []);
  assert.equal(state.repairGoal(TO)?.kind, "present");
});

Deno.test("DesiredState.presentGoal writes the record only if the store may lack it, and undoes it with the one before", () => {
  const claimed = recordOf(ROUTE);
  const fresh = open().state.presentGoal(ROUTE);
  assert.deepEqual(fresh, {
    route: ROUTE,
    installed: undefined,
    persist: claimed,
    undo: { kind: "delete", record: claimed },
  });
  const same = open(desiredOf(ROUTE)).state.presentGoal(ROUTE);
  assert.deepEqual(same, {
    route: ROUTE,
    installed: ROUTE,
    persist: undefined,
    undo: { kind: "put", record: claimed },
  });
  const unsaved = open(desiredOf(ROUTE, false)).state.presentGoal(ROUTE);
  assert.deepEqual(unsaved.persist, claimed);
  const moved = open(desiredOf(BEFORE)).state.presentGoal(ROUTE);
  assert.deepEqual(moved, {
    route: ROUTE,
    installed: BEFORE,
    persist: claimed,
    undo: { kind: "put", record: recordOf(BEFORE) },
  });
  const waiting = open({ route: ROUTE, persisted: true, status: WAITING }).state;
  assert.equal(waiting.presentGoal(ROUTE).installed, undefined);
});

Deno.test("DesiredState.presentGoal undoes with the claim that the store has of the route before", () => {
  const { state } = open(desiredOf(BEFORE));
  state.markStale(TO);
  const { persist, undo } = state.presentGoal(ROUTE);
  assert.deepEqual(persist, recordOf(ROUTE, true));
  assert.deepEqual(undo, { kind: "put", record: recordOf(BEFORE, false) });
});

Deno.test("DesiredState.trackNewer names what calls commit until it is disposed, and no repair", () => {
  const [first, second, third, fourth, fifth] = [2, 3, 4, 5, 6].map((octet) => ({
    ...ROUTE,
    destination: cidr(`10.42.${octet}.0/24`),
  }));
  assert.ok(first && second && third && fourth && fifth);
  const { state } = open(desiredOf(third), desiredOf(fourth));
  state.commitPresent(first, ADDED);
  const newer = state.trackNewer();
  state.commitPresent(second, LOST);
  state.commitAbsent(third.destination, "overlay", { kind: "removed" });
  state.commitRepair(desiredOf(fourth), ADDED);
  state.commitAbsent(fifth.destination, "overlay", FAILED);
  state.commitPresent(fifth, { kind: "failed", failure, rollBack: "done" });
  const has = () =>
    [first, second, third, fourth, fifth].map(({ destination }) =>
      newer.has(destination)
    );
  assert.deepEqual(has(), [false, true, true, false, false]);
  newer[Symbol.dispose]();
  state.commitPresent(first, ADDED);
  assert.deepEqual(has(), [false, true, true, false, false]);
});

Deno.test("DesiredState.claimToPersist asks for no write until a resync has passed since the agent's start", () => {
  const { changed, state } = open(desiredOf(ROUTE));
  assert.equal(state.claimToPersist(TO), true);
  state.markAllStale();
  assert.deepEqual(changed, [TO]);
  assert.equal(state.isClaimed(TO), false);
  assert.equal(state.claimToPersist(TO), undefined);
  state.ageStale();
  assert.equal(state.claimToPersist(TO), false);
  // Another start of the agent does not make an old one fresh.
  state.markAllStale();
  assert.equal(state.claimToPersist(TO), false);
  state.claim(TO);
  assert.equal(state.claimToPersist(TO), true);
  assert.equal(state.isClaimed(TO), true);
});

Deno.test("DesiredState.commitPresent claims the route, even if the call is refused", () => {
  for (const outcome of [ADDED, PENDING, LOST, ...refusedAs("done")]) {
    const { state } = open(desiredOf(ROUTE));
    state.markAllStale();
    state.commitPresent(ROUTE, outcome);
    assert.ok(state.isClaimed(TO), outcome.kind);
  }
});

Deno.test("DesiredState.repairGoal observes before it deletes, and writes a claim that is not settled as claimed", () => {
  const { state } = open(desiredOf(ROUTE));
  state.markForDeletion(TO, "overlay");
  const deletion = state.repairGoal(TO);
  assert.equal(deletion?.goal.installed, undefined);
  const unsaved = open(desiredOf(ROUTE, false)).state;
  unsaved.markAllStale();
  const repair = unsaved.repairGoal(TO);
  assert.ok(repair?.kind === "present");
  assert.deepEqual(repair.goal.persist, recordOf(ROUTE, true));
  assert.equal(unsaved.repairGoal(cidr("10.42.9.0/24")), undefined);
});

Deno.test("DesiredState.restore takes a record's claim and whether its route is installed", () => {
  for (const claimed of [true, false]) {
    for (const isInstalled of [true, false]) {
      const { state } = open();
      state.restore(recordOf(ROUTE, claimed), isInstalled);
      const status = isInstalled ? INSTALLED : { kind: "unverified" };
      assert.deepEqual(state.get(TO), { route: ROUTE, persisted: true, status });
      assert.equal(state.isClaimed(TO), claimed);
      assert.equal(state.claimToPersist(TO), claimed);
    }
  }
});

Deno.test("DesiredState tells of every destination whose route, deletion or claim changes", () => {
  const destinations = [2, 3, 4].map((octet) => cidr(`10.42.${octet}.0/24`));
  const acts = fc.array(fc.record({
    act: fc.constantFrom("put", "delete", "mark", "claim", "stale", "old"),
    destination: fc.constantFrom(...destinations),
  }));
  fc.assert(
    fc.property(acts, (all) => {
      const reported = new Set<Ipv4Cidr>();
      const state = new DesiredState((destination) => reported.add(destination));
      const shown = () =>
        new Map(destinations.map((destination) => [
          destination,
          JSON.stringify([
            state.get(destination)?.route,
            state.isPendingDeletion(destination),
            state.isClaimed(destination),
          ]),
        ]));
      for (const { act, destination } of all) {
        const before = shown();
        reported.clear();
        switch (act) {
          case "put":
            state.put(desiredOf({ ...ROUTE, destination }));
            break;
          case "delete":
            state.delete(destination);
            break;
          case "mark":
            state.markForDeletion(destination, "ours");
            break;
          case "claim":
            state.claim(destination);
            break;
          case "stale":
            state.markAllStale();
            break;
          default:
            if (state.get(destination) !== undefined) state.markStale(destination);
        }
        for (const [destination, text] of shown()) {
          const isDesired = state.get(destination) !== undefined ||
            before.get(destination)?.startsWith("[{") === true;
          if (isDesired && before.get(destination) !== text) {
            assert.ok(reported.has(destination), `${act} ${destination}`);
          }
        }
      }
    }),
  );
});

const anyOutcome: fc.Arbitrary<PresentOutcome> = fc.constantFrom(
  ADDED,
  UNCHANGED,
  PENDING,
  LOST,
  ...(["not-needed", "done", "unconfirmed"] as const).flatMap(refusedAs),
);
const anyAbsent = fc.constantFrom<AbsentOutcome[]>(
  { kind: "removed" },
  { kind: "absent" },
  LOST,
  FAILED,
);

Deno.test("DesiredState.counts are those of counting its routes, whatever is committed", () => {
  const destinations = [2, 3, 4].map((octet) => cidr(`10.42.${octet}.0/24`));
  const acts = fc.array(fc.record({
    act: fc.constantFrom(
      "present",
      "absent",
      "repair",
      "deletion",
      "restore",
      "mark",
      "delete",
      "lose record",
    ),
    destination: fc.constantFrom(...destinations),
    outcome: anyOutcome,
    absent: anyAbsent,
    installed: fc.boolean(),
  }));
  fc.assert(
    fc.property(acts, (all) => {
      const state = new DesiredState();
      for (const { absent, act, destination, installed, outcome } of all) {
        const route = { ...ROUTE, destination };
        switch (act) {
          case "present":
            state.commitPresent(route, outcome);
            break;
          case "absent":
            state.commitAbsent(destination, "ours", absent);
            break;
          case "repair": {
            const before = state.get(destination);
            if (before !== undefined) state.commitRepair(before, outcome);
            break;
          }
          case "deletion":
            state.commitDeletion(destination, absent);
            break;
          case "restore":
            state.restore(recordOf(route), installed);
            break;
          case "mark":
            state.markForDeletion(destination, "overlay");
            break;
          case "delete":
            state.delete(destination);
            break;
          default:
            state.markNotPersisted(destination);
        }
        const counted = { installed: 0, waiting: 0, error: 0, unverified: 0 };
        for (const { route, status } of state.routes()) {
          if (state.isPendingDeletion(route.destination)) continue;
          counted[status.kind] += 1;
        }
        assert.deepEqual(state.counts, counted, act);
      }
    }),
    { numRuns: 2_000 },
  );
});
