import assert from "node:assert/strict";
import fc from "fast-check";
import type { FailureKind, OperationResult } from "../../../src/dataplane/dataplane.ts";
import { decideInstall, decideRemove } from "../../../src/reconcile/decide.ts";
import { readBest, routesOfBest } from "../../../src/reconcile/observe.ts";
import type {
  ActualRoutes,
  KernelRoute,
  LinkState,
} from "../../../src/routing/kernel_route.ts";
import { TableModel } from "./table_model.ts";
import { cidr, device as named } from "../../support/fixtures.ts";

const TO = cidr("10.42.2.0/24");
const VXLAN = named("vxlan100");
const OTHER = named("other");
const DESIRED = { destination: TO, device: VXLAN };
const OURS: KernelRoute = {
  ...DESIRED,
  gateway: false,
  protocol: 142,
  metric: 0,
  tos: 0,
  type: 1,
  table: 254,
};
const UP: LinkState = { kind: "present", ifindex: 5, up: true };

function route(protocols: readonly number[]): fc.Arbitrary<KernelRoute> {
  return fc.record({
    destination: fc.constant(TO),
    device: fc.constantFrom(VXLAN, OTHER, undefined),
    gateway: fc.boolean(),
    protocol: fc.constantFrom(...protocols),
    metric: fc.constantFrom(0, 0, 50, 100),
    tos: fc.constantFrom(0, 0, 0, 16),
    type: fc.constantFrom(1, 1, 1, 6, 7),
    table: fc.constant(254),
  }, { noNullPrototype: true });
}

function routes(
  ...protocols: readonly number[]
): fc.Arbitrary<readonly KernelRoute[]> {
  return fc.array(route(protocols), { maxLength: 5 });
}

function tableOf(...routes: readonly KernelRoute[]): TableModel {
  const table = new TableModel();
  for (const each of routes) table.append(each);
  return table;
}

/** What an observation shows: by a walk over the table, or by one look-up. */
function observe(table: TableModel, walk: boolean): ActualRoutes {
  return walk
    ? { kind: "all", routes: table.all() }
    : { kind: "best", route: table.best() };
}

/** Decides and acts until nothing is left to do; the last decision's kind. */
function install(table: TableModel, walkFirst: boolean): string {
  let walk = walkFirst;
  for (let round = 0; round < 6; round += 1) {
    const decision = decideInstall(DESIRED, UP, observe(table, walk));
    if (decision.kind === "unclear") {
      walk = true;
      continue;
    }
    if (decision.kind === "connected") {
      for (const each of decision.drop) table.delete(each);
      if (decision.drop.length > 0) continue;
    }
    if (decision.kind !== "install") return decision.kind;
    if (decision.how === "replace") table.replace(DESIRED);
    if (decision.how === "add") assert.ok(table.add(DESIRED), "File exists");
    for (const each of decision.drop) table.delete(each);
    // After a deletion the plan observes again.
    if (decision.drop.length === 0) return decision.kind;
  }
  return "never";
}

Deno.test("decideInstall leads to exactly one route, ours, whatever others left there", () => {
  fc.assert(
    fc.property(routes(3, 4, 142, 186), (left) => {
      const table = tableOf(...left);
      assert.match(install(table, true), /^(install|unchanged)$/);
      assert.deepEqual(table.all(), [OURS]);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("decideInstall leads to our route as the best one after one look-up", () => {
  fc.assert(
    fc.property(routes(3, 4, 142, 186), (left) => {
      const table = tableOf(...left);
      assert.match(install(table, false), /^(install|unchanged)$/);
      assert.deepEqual(table.best(), OURS);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("decideInstall drops only ours where the kernel made a route of its own", () => {
  const connected = route([2]);
  fc.assert(
    fc.property(routes(2, 3, 4, 142, 186), connected, (others, kernels) => {
      const table = tableOf(...others, kernels);
      const theirs = table.all().filter(({ protocol }) => protocol !== 142);
      assert.equal(install(table, true), "connected");
      assert.deepEqual(table.all(), theirs);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("decideInstall writes nothing where our route is the only one", () => {
  for (const actual of [observe(tableOf(OURS), true), observe(tableOf(OURS), false)]) {
    const decision = decideInstall(DESIRED, UP, actual);
    assert.deepEqual(decision, { kind: "unchanged", ifindex: 5 });
  }
});

const almost: readonly (readonly [what: string, Partial<KernelRoute>])[] = [
  ["another device", { device: OTHER }],
  ["no one device", { device: undefined }],
  ["another owner", { protocol: 4 }],
  ["a metric", { metric: 1 }],
  ["a TOS", { tos: 16 }],
  ["a gateway", { gateway: true }],
  ["another type", { type: 7 }],
];

for (const [what, difference] of almost) {
  Deno.test(`decideInstall does not take a route like ours but for ${what} for ours`, () => {
    const table = tableOf({ ...OURS, ...difference });
    assert.notEqual(decideInstall(DESIRED, UP, observe(table, true)).kind, "unchanged");
    assert.notEqual(
      decideInstall(DESIRED, UP, observe(table, false)).kind,
      "unchanged",
    );
  });
}

Deno.test("decideInstall lets a route wait for a device that is missing, down or without IPv4, whatever is there", () => {
  fc.assert(fc.property(routes(2, 3, 4, 142), fc.boolean(), (left, walk) => {
    const table = tableOf(...left);
    const actual = observe(table, walk);
    assert.deepEqual(decideInstall(DESIRED, { kind: "missing" }, actual), {
      kind: "pending",
      reason: "missing",
    });
    assert.deepEqual(decideInstall(DESIRED, { ...UP, up: false }, actual), {
      kind: "pending",
      reason: "down",
    });
    assert.deepEqual(decideInstall(DESIRED, { ...UP, withoutIpv4: true }, actual), {
      kind: "pending",
      reason: "no-ipv4",
    });
  }));
});

const owners = [["overlay", [3, 4, 142]], ["ours", [142]]] as const;

for (const [whose, removable] of owners) {
  Deno.test(`decideRemove leads to no ${whose} routes, and leaves all others as they were`, () => {
    fc.assert(
      fc.property(routes(2, 3, 4, 142, 186), (left) => {
        const table = tableOf(...left);
        const isRemovable = ({ protocol }: KernelRoute) =>
          removable.some((each) => each === protocol);
        const others = table.all().filter((each) => !isRemovable(each));
        for (let round = 0; round < 6; round += 1) {
          const decision = decideRemove(observe(table, true), whose);
          if (decision.kind !== "remove") break;
          for (const each of decision.routes) table.delete(each);
        }
        assert.deepEqual(table.all(), others);
        assert.equal(decideRemove(observe(table, true), whose).kind, "absent");
      }),
      { numRuns: 5000 },
    );
  });

  Deno.test(`decideRemove never calls ${whose} routes absent after one look-up that shows one`, () => {
    fc.assert(
      fc.property(routes(2, 3, 4, 142, 186), (left) => {
        const table = tableOf(...left);
        const decision = decideRemove(observe(table, false), whose);
        const best = table.best();
        if (decision.kind === "absent") assert.equal(best, undefined);
        if (decision.kind === "remove") assert.deepEqual(decision.routes, [best]);
      }),
      { numRuns: 2000 },
    );
  });
}

const bestRoutes: readonly (readonly [
  what: string,
  best: KernelRoute,
  actual: ActualRoutes | undefined,
])[] = [
  ["the destination itself is there", OURS, { kind: "best", route: OURS }],
  ["only a wider prefix is there", { ...OURS, destination: cidr("10.42.0.0/16") }, {
    kind: "best",
    route: undefined,
  }],
  ["only a default route is there", { ...OURS, destination: cidr("0.0.0.0/0") }, {
    kind: "best",
    route: undefined,
  }],
  [
    "a longer prefix hides it",
    { ...OURS, destination: cidr("10.42.2.0/25") },
    undefined,
  ],
  ["an address hides it", { ...OURS, destination: cidr("10.42.2.0/32") }, undefined],
  ["a policy rule leads to another table", { ...OURS, table: 77 }, undefined],
  ["it is an address of this node", { ...OURS, table: 255 }, undefined],
];

for (const [what, best, actual] of bestRoutes) {
  const verb = actual === undefined ? "cannot tell" : "tells";
  Deno.test(`routesOfBest ${verb} when ${what}`, () => {
    assert.deepEqual(routesOfBest(TO, best), actual);
  });
}

const UNREACHABLE = failed("unreachable");
const WIDER = answered({ ...OURS, destination: cidr("10.42.0.0/16") });
const NOTHING: ActualRoutes = { kind: "best", route: undefined };

function answered(route: KernelRoute | undefined): OperationResult {
  return { ok: true, answer: { kind: "best-route", route } };
}

function failed(kind: FailureKind): OperationResult {
  return { ok: false, failure: { kind, message: "RTNETLINK answers: …" } };
}

const readings: readonly (readonly [
  what: string,
  result: OperationResult | undefined,
  actual: ActualRoutes | undefined,
  underRules: ActualRoutes | undefined,
])[] = [
  ["that nothing is reachable", UNREACHABLE, NOTHING, undefined],
  ["a wider route", WIDER, NOTHING, undefined],
  ["the route itself", answered(OURS), { kind: "best", route: OURS }, {
    kind: "best",
    route: OURS,
  }],
  ["a route of another kind", answered(undefined), undefined, undefined],
  ["another failure", failed("other"), undefined, undefined],
  ["nothing", undefined, undefined, undefined],
];

for (const [what, result, actual, underRules] of readings) {
  Deno.test(`readBest believes "nothing there" only without rules that hide routes: ${what}`, () => {
    assert.deepEqual(readBest(TO, result, false), actual);
    assert.deepEqual(readBest(TO, result, true), underRules);
  });
}
