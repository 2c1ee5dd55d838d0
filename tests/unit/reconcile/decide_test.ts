import assert from "node:assert/strict";
import fc from "fast-check";
import { type Ipv4Cidr, parseCidr } from "../../../src/ipam/cidr.ts";
import { decideInstall, decideRemove } from "../../../src/reconcile/decide.ts";
import { routesOfBest } from "../../../src/reconcile/observe.ts";
import type {
  ActualRoutes,
  KernelRoute,
  LinkState,
} from "../../../src/routing/kernel_route.ts";
import {
  checkInterfaceName,
  type InterfaceName,
} from "../../../src/routing/interface_name.ts";
import { TableModel } from "./table_model.ts";

function cidr(text: string): Ipv4Cidr {
  const parsed = parseCidr(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

function named(text: string): InterfaceName {
  const checked = checkInterfaceName(text);
  assert.ok(checked.ok, text);
  return checked.value;
}

const TO = cidr("10.42.2.0/24");
const VXLAN = named("vxlan100");
const OTHER = named("other");
const WANTED = { destination: TO, device: VXLAN };
const OURS: KernelRoute = {
  ...WANTED,
  gateway: false,
  protocol: 142,
  metric: 0,
  tos: 0,
  type: 1,
  table: 254,
};
const UP: LinkState = { kind: "present", ifindex: 5, up: true, master: undefined };

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

/** Looks as the node does: one look-up first, the whole table where that cannot tell. */
function look(table: TableModel, closer: boolean): ActualRoutes {
  return closer
    ? { kind: "all", routes: table.all() }
    : { kind: "best", route: table.best() };
}

/** Decides and acts until nothing is left to do; the last decision's kind. */
function install(table: TableModel, closer: boolean): string {
  let walk = closer;
  for (let round = 0; round < 6; round += 1) {
    const decision = decideInstall(WANTED, UP, look(table, walk));
    if (decision.kind === "look-closer") {
      walk = true;
      continue;
    }
    if (decision.kind === "connected") {
      for (const each of decision.drop) table.delete(each);
      if (decision.drop.length > 0) continue;
    }
    if (decision.kind !== "install") return decision.kind;
    if (decision.how === "replace") table.replace(WANTED);
    if (decision.how === "add") assert.ok(table.add(WANTED), "File exists");
    for (const each of decision.drop) table.delete(each);
    // What was dropped is looked at once more, like in the kernel's own answer.
    if (decision.drop.length === 0) return decision.kind;
  }
  return "never";
}

Deno.test("InjectRoute leaves exactly one route, ours, whatever others left there", () => {
  fc.assert(
    fc.property(routes(3, 4, 142, 186), (left) => {
      const table = tableOf(...left);
      assert.match(install(table, true), /^(install|unchanged)$/);
      assert.deepEqual(table.all(), [OURS]);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("after one look-up InjectRoute leaves our route as the best one", () => {
  fc.assert(
    fc.property(routes(3, 4, 142, 186), (left) => {
      const table = tableOf(...left);
      assert.match(install(table, false), /^(install|unchanged)$/);
      assert.deepEqual(table.best(), OURS);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("InjectRoute takes only ours away where the kernel made a route of its own", () => {
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

Deno.test("InjectRoute never decides to write where our route is the only one", () => {
  for (const sight of [look(tableOf(OURS), true), look(tableOf(OURS), false)]) {
    const decision = decideInstall(WANTED, UP, sight);
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
  Deno.test(`a route like ours but for ${what} is not taken for ours`, () => {
    const table = tableOf({ ...OURS, ...difference });
    assert.notEqual(decideInstall(WANTED, UP, look(table, true)).kind, "unchanged");
    assert.notEqual(decideInstall(WANTED, UP, look(table, false)).kind, "unchanged");
  });
}

Deno.test("a missing or sleeping device lets a route wait, whatever is there", () => {
  fc.assert(fc.property(routes(2, 3, 4, 142), fc.boolean(), (left, closer) => {
    const table = tableOf(...left);
    const sight = look(table, closer);
    assert.deepEqual(decideInstall(WANTED, { kind: "missing" }, sight), {
      kind: "pending",
      reason: "missing",
    });
    assert.deepEqual(decideInstall(WANTED, { ...UP, up: false }, sight), {
      kind: "pending",
      reason: "down",
    });
  }));
});

const owners = [["overlay", [3, 4, 142]], ["ours", [142]]] as const;

for (const [whose, removable] of owners) {
  Deno.test(`a removal of ${whose} routes takes those and leaves all others as they were`, () => {
    fc.assert(
      fc.property(routes(2, 3, 4, 142, 186), (left) => {
        const table = tableOf(...left);
        const isRemovable = ({ protocol }: KernelRoute) =>
          removable.some((each) => each === protocol);
        const others = table.all().filter((each) => !isRemovable(each));
        for (let round = 0; round < 6; round += 1) {
          const decision = decideRemove(look(table, true), whose);
          if (decision.kind !== "remove") break;
          for (const each of decision.routes) table.delete(each);
        }
        assert.deepEqual(table.all(), others);
        assert.equal(decideRemove(look(table, true), whose).kind, "absent");
      }),
      { numRuns: 5000 },
    );
  });

  Deno.test(`one look-up never calls ${whose} routes absent while one is the best`, () => {
    fc.assert(
      fc.property(routes(2, 3, 4, 142, 186), (left) => {
        const table = tableOf(...left);
        const decision = decideRemove(look(table, false), whose);
        const best = table.best();
        if (decision.kind === "absent") assert.equal(best, undefined);
        if (decision.kind === "remove") assert.deepEqual(decision.routes, [best]);
      }),
      { numRuns: 2000 },
    );
  });
}

const looks: readonly (readonly [
  what: string,
  best: KernelRoute | undefined,
  sight: ActualRoutes | undefined,
])[] = [
  ["nothing is there", undefined, { kind: "best", route: undefined }],
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

for (const [what, best, sight] of looks) {
  const told = sight === undefined ? "cannot tell" : "tells";
  Deno.test(`one look-up ${told} when ${what}`, () => {
    assert.deepEqual(routesOfBest(TO, best), sight);
  });
}
