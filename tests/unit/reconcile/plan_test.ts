import assert from "node:assert/strict";
import fc from "fast-check";
import type { Owners } from "../../../src/reconcile/decide.ts";
import {
  type AbsentGoal,
  type Known,
  planAbsent,
  planPresent,
  type PresentGoal,
} from "../../../src/reconcile/plan.ts";
import type { KernelRoute, LinkState } from "../../../src/routing/kernel_route.ts";
import type { Route } from "../../../src/routing/route.ts";
import type { RouteRecord, StateChange } from "../../../src/state/store.ts";
import { cidr, device } from "../../support/fixtures.ts";
import {
  carries,
  DestinationModel,
  drive,
  forecast,
  isTidy,
  type Mishap,
} from "./destination_model.ts";

const TO = cidr("10.42.2.0/24");
const VXLAN = device("vxlan100");
const OTHER = device("wg0");
const ROUTE = { destination: TO, device: VXLAN };
const OURS: KernelRoute = {
  ...ROUTE,
  gateway: false,
  protocol: 142,
  metric: 0,
  tos: 0,
  type: 1,
  table: 254,
};
const UP: LinkState = { kind: "present", ifindex: 5, up: true };
const OTHER_UP: LinkState = { ...UP, ifindex: 6 };

const links = fc.constantFrom<LinkState[]>(
  UP,
  UP,
  { ...UP, up: false },
  { ...UP, withoutIpv4: true },
  { kind: "missing" },
);

function routesOf(...protocols: readonly number[]) {
  const route: fc.Arbitrary<KernelRoute> = fc.record({
    destination: fc.constant(TO),
    device: fc.constantFrom(VXLAN, VXLAN, OTHER, undefined),
    gateway: fc.constantFrom(false, false, true),
    protocol: fc.constantFrom(...protocols),
    metric: fc.constantFrom(0, 0, 50, 100),
    tos: fc.constantFrom(0, 0, 0, 16),
    type: fc.constantFrom(1, 1, 1, 7),
    table: fc.constant(254),
  }, { noNullPrototype: true });
  const plain = fc.constantFrom(OURS, { ...OURS, device: OTHER });
  return fc.oneof(
    fc.array(route, { maxLength: 5 }),
    fc.array(plain, { maxLength: 1 }),
  );
}

/** What was desired of the destination before. */
interface Before {
  readonly device: typeof VXLAN;
  readonly persisted: boolean;
  readonly installed: boolean;
}

interface Scenario {
  readonly left: readonly KernelRoute[];
  readonly link: LinkState;
  /** A rule hides the main table from look-ups. */
  readonly hidden: boolean;
  readonly before: Before | undefined;
  /** The store has a record of an earlier state, although it is not known to. */
  readonly recorded: boolean;
  /** A repair: the route stays desired whatever comes of it. */
  readonly repair: boolean;
  /** The cache has everything that is there; otherwise it has nothing. */
  readonly complete: boolean;
}

const scenarios: fc.Arbitrary<Scenario> = fc.record({
  left: fc.oneof(
    { weight: 4, arbitrary: routesOf(3, 4, 142, 142, 186) },
    { weight: 1, arbitrary: routesOf(2, 3, 142) },
  ),
  link: links,
  hidden: fc.constantFrom(false, false, false, true),
  before: fc.option(
    fc.record({
      device: fc.constantFrom(VXLAN, OTHER),
      persisted: fc.boolean(),
      installed: fc.boolean(),
    }),
    { nil: undefined },
  ),
  recorded: fc.boolean(),
  repair: fc.boolean(),
  complete: fc.boolean(),
});

/** A call for a route that nobody desired before. */
const NEW: PresentGoal = {
  route: ROUTE,
  installed: undefined,
  persist: recordOf(VXLAN),
  undo: { kind: "delete", record: recordOf(VXLAN) },
};

function recordOf(through: typeof VXLAN): RouteRecord {
  return { kind: "route", route: { ...ROUTE, device: through }, claimed: true };
}

function modelOf({ before, hidden, left, link, recorded }: Scenario): DestinationModel {
  const model = new DestinationModel(TO, [[VXLAN, UP], [OTHER, OTHER_UP]]);
  for (const route of left) model.append(route);
  model.setLink(VXLAN, link);
  model.hidden = hidden;
  if (before !== undefined && (before.persisted || recorded)) {
    model.record = recordOf(before.device);
  }
  return model;
}

/** The goal as `DesiredState` gives it. */
function presentGoal({ before, repair }: Scenario): PresentGoal {
  const isKept = before?.device === VXLAN;
  const persist = isKept && before.persisted ? undefined : recordOf(VXLAN);
  if (repair) return { route: ROUTE, installed: ROUTE, persist, undo: undefined };
  const installed = before?.installed ? { ...ROUTE, device: before.device } : undefined;
  const undo: StateChange = before === undefined
    ? { kind: "delete", record: recordOf(VXLAN) }
    : { kind: "put", record: recordOf(before.device) };
  return { route: ROUTE, installed, persist, undo };
}

function absentGoal({ before }: Scenario, owners: Owners): AbsentGoal {
  return {
    destination: TO,
    owners,
    installed: before?.installed ? { ...ROUTE, device: before.device } : undefined,
    erase: before === undefined ? undefined : recordOf(before.device),
  };
}

/** What a truthful cache has. */
function knownOf({ complete }: Scenario, model: DestinationModel): Known {
  const tidy = isTidy(model.table.all());
  const link = model.link(VXLAN);
  return {
    link: complete && carries(link) && link.kind === "present" ? link : undefined,
    clear: complete && tidy,
    occupied: complete && !tidy,
  };
}

/** Losses and refusals of the kernel, but no other process. */
const faults: fc.Arbitrary<readonly Mishap[]> = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.constant<Mishap>({}) },
    fc.record<Mishap>({ lostAfter: fc.nat({ max: 4 }) }),
    fc.record<Mishap>({ refused: fc.nat({ max: 4 }) }),
  ),
  { maxLength: 6 },
);

/** The same, with devices that come and go and routes of other processes. */
const interference: fc.Arbitrary<readonly Mishap[]> = fc.array(
  fc.record<Mishap>({
    lostAfter: fc.option(fc.nat({ max: 4 }), { nil: undefined, freq: 3 }),
    refused: fc.option(fc.nat({ max: 4 }), { nil: undefined, freq: 3 }),
    before: fc.option(
      fc.oneof(
        links.map((state) => (kernel: DestinationModel) =>
          kernel.setLink(VXLAN, state)
        ),
        fc.nat({ max: 100 }).map((ifindex) => (kernel: DestinationModel) =>
          kernel.setLink(VXLAN, { ...UP, ifindex })
        ),
        routesOf(2, 3, 4, 142, 186).map((routes) => (kernel: DestinationModel) =>
          routes.forEach((route) => kernel.append(route))
        ),
        fc.constant((kernel: DestinationModel) => {
          for (const route of kernel.table.all()) kernel.table.delete(route);
        }),
      ),
      { nil: undefined },
    ),
  }),
  { maxLength: 5 },
);

/** How many runs of each property. */
const RUNS = { numRuns: 5_000 };

Deno.test("planPresent ends with exactly one route, ours, and its record, whatever was there", () => {
  fc.assert(
    fc.property(scenarios, (scenario) => {
      const model = modelOf(scenario);
      const goal = presentGoal(scenario);
      const first = planPresent(goal, knownOf(scenario, model));
      const { gaveUp, outcome } = drive(first, model, VXLAN);
      assert.ok(!gaveUp);
      switch (outcome.kind) {
        case "added":
        case "unchanged":
          if (scenario.complete) assert.deepEqual(model.table.all(), [OURS]);
          assert.deepEqual(model.table.best(), OURS);
          assert.deepEqual(model.record, recordOf(VXLAN));
          assert.ok(carries(scenario.link));
          break;
        case "pending":
          assert.deepEqual(model.record, recordOf(VXLAN));
          assert.ok(!carries(scenario.link));
          break;
        case "connected":
          assert.ok(model.table.all().some(({ protocol }) => protocol === 2));
          assert.ok(model.table.all().every(({ protocol }) => protocol !== 142));
          break;
        default:
          assert.fail(`nothing failed, and it is ${outcome.kind}`);
      }
    }),
    RUNS,
  );
});

Deno.test("planPresent ends with our route and its record, or rolls back, whatever is lost or refused", () => {
  fc.assert(
    fc.property(scenarios, faults, (scenario, mishaps) => {
      const model = modelOf(scenario);
      const before = { record: model.record, routes: model.table.all() };
      const goal = presentGoal(scenario);
      const first = planPresent(goal, knownOf(scenario, model));
      const { gaveUp, outcome } = drive(first, model, VXLAN, mishaps);
      assert.ok(!gaveUp);
      switch (outcome.kind) {
        case "added":
        case "unchanged":
          assert.deepEqual(model.table.best(), OURS);
          if (scenario.complete) assert.deepEqual(model.table.all(), [OURS]);
          assert.deepEqual(model.record, recordOf(VXLAN));
          break;
        case "pending":
          assert.deepEqual(model.record, recordOf(VXLAN));
          break;
        case "connected":
        case "failed":
          assertRolledBack(scenario, outcome.rollBack, before, model);
          break;
        case "lost":
          assert.fail("it was never given up");
      }
    }),
    RUNS,
  );
});

Deno.test("planPresent ends once other processes leave it alone, and rolls back whatever they did", () => {
  fc.assert(
    fc.property(scenarios, interference, (scenario, mishaps) => {
      const model = modelOf(scenario);
      const before = { record: model.record, routes: model.table.all() };
      const goal = presentGoal(scenario);
      const first = planPresent(goal, knownOf(scenario, model));
      const { gaveUp, outcome } = drive(first, model, VXLAN, mishaps);
      assert.ok(!gaveUp);
      if (outcome.kind !== "connected" && outcome.kind !== "failed") return;
      // A route of another process with our number is none of ours to roll back.
      const others = mishaps.some((mishap) => mishap.before !== undefined);
      assertRolledBack(scenario, outcome.rollBack, before, model, others);
    }),
    RUNS,
  );
});

Deno.test("planPresent tells the device's index at the time of the write, if it changes after the observation", () => {
  const model = new DestinationModel(TO, [[VXLAN, UP]]);
  const goal = { ...NEW, installed: undefined };
  const first = planPresent(goal, { link: undefined, clear: true, occupied: false });
  const recreate = (kernel: DestinationModel) =>
    kernel.setLink(VXLAN, { ...UP, ifindex: 9 });
  const { outcome } = drive(first, model, VXLAN, [{}, { before: recreate }]);
  assert.deepEqual(outcome, {
    kind: "added",
    ifindex: 9,
    replaced: [],
  });
});

for (const kind of ["exists", "no-device", "link-down"] as const) {
  Deno.test(`planPresent gives the kernel's message, and rolls back, when "${kind}" comes again and again`, () => {
    const model = new DestinationModel(TO, [[VXLAN, UP]]);
    model.steady.set("add-route", kind);
    const unknown = { link: undefined, clear: false, occupied: false };
    const { outcome } = drive(planPresent(NEW, unknown), model, VXLAN);
    const failure = { kind, message: `the model says ${kind}` };
    assert.deepEqual(outcome, { kind: "failed", failure, rollBack: "done" });
    assert.equal(model.record, undefined);
  });
}

Deno.test("planPresent keeps a route that was installed before when the rest is refused", () => {
  const model = new DestinationModel(TO, [[VXLAN, UP], [OTHER, OTHER_UP]]);
  model.table.append({ ...OURS, device: OTHER, protocol: 4, metric: 50 });
  model.steady.set("delete-route", "other");
  const goal = { ...NEW, installed: ROUTE, persist: undefined, undo: undefined };
  const first = planPresent(goal, { link: undefined, clear: false, occupied: true });
  const { outcome } = drive(first, model, VXLAN);
  const failure = { kind: "other", message: "the model says other" };
  assert.deepEqual(outcome, { kind: "failed", failure, rollBack: "not-needed" });
  assert.deepEqual(model.table.best(), OURS);
});

Deno.test("planAbsent gives the kernel's message when a deletion finds nothing again and again", () => {
  const model = new DestinationModel(TO, [[OTHER, OTHER_UP]]);
  model.table.append({ ...OURS, device: OTHER, protocol: 4 });
  model.steady.set("delete-route", "absent");
  const goal: AbsentGoal = {
    destination: TO,
    owners: "overlay",
    installed: undefined,
    erase: undefined,
  };
  for (const clear of [true, false]) {
    const { outcome } = drive(planAbsent(goal, { clear }), model, OTHER);
    const failure = { kind: "absent", message: "the model says absent" };
    assert.deepEqual(outcome, { kind: "failed", failure });
  }
});

/** A refusal leaves neither a record nor a route that was not there before. */
function assertRolledBack(
  { before: desired, repair }: Scenario,
  rollBack: "not-needed" | "done" | "unconfirmed",
  before: {
    readonly record: RouteRecord | undefined;
    readonly routes: readonly KernelRoute[];
  },
  model: DestinationModel,
  recordOnly = false,
): void {
  if (repair || rollBack === "unconfirmed") return;
  const allowed = [
    before.record?.route.device,
    ...desired === undefined ? [undefined] : [desired.device],
  ];
  assert.ok(allowed.includes(model.record?.route.device), rollBack);
  if (recordOnly) return;
  const isOurs = (route: KernelRoute) => JSON.stringify(route) === JSON.stringify(OURS);
  const wasThere = before.routes.some(isOurs) || desired?.installed === true &&
      desired.device === VXLAN;
  assert.ok(wasThere || !model.table.all().some(isOurs), rollBack);
}

Deno.test("planPresent never has our route in the kernel without its record, at whatever operation ip is lost", () => {
  fc.assert(
    fc.property(scenarios, faults, (scenario, mishaps) => {
      const model = modelOf(scenario);
      const had = model.table.all().some(({ protocol }) => protocol === 142);
      const goal = presentGoal(scenario);
      fc.pre(!had && !(goal.persist === undefined && model.record === undefined));
      model.onOperation = (part) => {
        const isThere = model.table.all().some(({ protocol }) => protocol === 142);
        if ("record" in part || !isThere) return;
        assert.equal(model.record?.route.device, VXLAN, part.kind);
      };
      // The store refuses nothing here: what is refused is in the test before.
      const losses = mishaps.map(({ lostAfter }) => ({ lostAfter }));
      drive(planPresent(goal, knownOf(scenario, model)), model, VXLAN, losses);
    }),
    RUNS,
  );
});

Deno.test("planPresent expects in a dry run what it then reaches", () => {
  fc.assert(
    fc.property(scenarios, (scenario) => {
      const model = modelOf(scenario);
      const goal = presentGoal(scenario);
      const known = knownOf(scenario, model);
      fc.pre(isTrue(goal.installed, model) && !(known.clear && isOrphan(goal, model)));
      const first = planPresent(goal, known);
      const routes = model.table.all();
      const expected = forecast(first, model, VXLAN);
      assert.deepEqual(model.table.all(), routes);
      const { outcome } = drive(first, model, VXLAN);
      assert.deepEqual(expected, outcome);
    }),
    RUNS,
  );
});

/** True if what was confirmed last is still so. */
function isTrue(installed: Route | undefined, { table }: DestinationModel): boolean {
  return installed === undefined ||
    table.all().some(({ device, protocol }) =>
      protocol === 142 && device === installed.device
    );
}

/** True if there is a route of ours that nobody desires, as no start leaves one. */
function isOrphan({ installed }: PresentGoal, { table }: DestinationModel): boolean {
  return installed === undefined && table.all().length > 0;
}

Deno.test("planAbsent takes the same few batches for two routes of one destination as for fifty", () => {
  const batches = [2, 50].map((count) => {
    const model = new DestinationModel(TO, [[VXLAN, UP]]);
    for (let metric = 1; metric <= count; metric += 1) {
      model.append({ ...OURS, metric });
    }
    const first = planAbsent(
      { destination: TO, owners: "overlay", installed: undefined, erase: undefined },
      { clear: true },
    );
    const driven = drive(first, model, VXLAN);
    assert.deepEqual(driven.outcome, { kind: "removed" });
    assert.deepEqual(model.table.all(), []);
    return driven.batches;
  });
  assert.deepEqual(batches, [5, 5]);
});

const OWNERS = [["overlay", [3, 4, 142]], ["ours", [142]]] as const;

for (const [owners, removable] of OWNERS) {
  const isRemovable = ({ protocol }: KernelRoute) =>
    removable.some((each) => each === protocol);
  const absentScenarios = scenarios.map((scenario) => ({ ...scenario, link: UP }));

  Deno.test(`planAbsent leaves no ${owners} route and no record, and all others as they were, whatever is lost or refused`, () => {
    fc.assert(
      fc.property(absentScenarios, faults, (scenario, mishaps) => {
        const model = modelOf(scenario);
        const before = { record: model.record, routes: model.table.all() };
        const goal = absentGoal(scenario, owners);
        const first = planAbsent(goal, knownOf(scenario, model));
        const { gaveUp, outcome } = drive(first, model, VXLAN, mishaps);
        assert.ok(!gaveUp);
        const others = before.routes.filter((route) => !isRemovable(route));
        const left = model.table.all();
        assert.deepEqual(left.filter((route) => !isRemovable(route)), others);
        switch (outcome.kind) {
          case "absent":
            assert.deepEqual(before.routes, left);
            assert.equal(before.record, model.record);
            assert.deepEqual(left, others);
            break;
          case "removed":
            assert.deepEqual(left, others);
            assert.equal(model.record, undefined);
            break;
          case "failed":
            assert.ok(mishaps.some(({ refused }) => refused !== undefined));
            break;
          case "lost":
            assert.fail("it was never given up");
        }
      }),
      RUNS,
    );
  });

  Deno.test(`planAbsent of ${owners} routes ends once other processes leave it alone`, () => {
    fc.assert(
      fc.property(absentScenarios, interference, (scenario, mishaps) => {
        const model = modelOf(scenario);
        const goal = absentGoal(scenario, owners);
        const first = planAbsent(goal, knownOf(scenario, model));
        assert.ok(!drive(first, model, VXLAN, mishaps).gaveUp);
      }),
      RUNS,
    );
  });

  Deno.test(`planAbsent of ${owners} routes never deletes a route whose record a restart would find`, () => {
    fc.assert(
      fc.property(absentScenarios, faults, (scenario, mishaps) => {
        const model = modelOf(scenario);
        const goal = absentGoal(scenario, owners);
        fc.pre(goal.erase !== undefined);
        model.onOperation = (part) => {
          if (part.kind === "delete-route") assert.equal(model.record, undefined);
        };
        const losses = mishaps.map(({ lostAfter }) => ({ lostAfter }));
        drive(planAbsent(goal, knownOf(scenario, model)), model, VXLAN, losses);
      }),
      RUNS,
    );
  });

  Deno.test(`planAbsent of ${owners} routes expects in a dry run what it then reaches`, () => {
    fc.assert(
      fc.property(absentScenarios, (scenario) => {
        const model = modelOf(scenario);
        const goal = absentGoal(scenario, owners);
        fc.pre(isTrue(goal.installed, model));
        const first = planAbsent(goal, knownOf(scenario, model));
        const expected = forecast(first, model, VXLAN);
        assert.deepEqual(expected, drive(first, model, VXLAN).outcome);
      }),
      RUNS,
    );
  });
}
