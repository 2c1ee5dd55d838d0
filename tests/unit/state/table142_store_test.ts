import assert from "node:assert/strict";
import fc from "fast-check";
import { type Ipv4Address, parseAddress } from "../../../src/ipam/address.ts";
import type { Allocation } from "../../../src/ipam/allocator.ts";
import { type Owner, ownerKey, parseOwner } from "../../../src/ipam/owner.ts";
import { hashOwner } from "../../../src/state/owner_key.ts";
import type {
  FragmentRecord,
  RouteRecord,
  StateChange,
  StoredState,
  SubnetRecord,
} from "../../../src/state/store.ts";
import { partsOf } from "../../../src/state/table142_codec.ts";
import { reportForeignEntries, TABLE_142 } from "../../../src/state/table142_store.ts";
import { CAUSE, cidr, device, found } from "../../support/fixtures.ts";
import {
  answered,
  LOST,
  ok,
  ScriptedDataplane,
} from "../reconcile/scripted_dataplane.ts";
import { EntryTable, shownEntry } from "./entry_table.ts";

function addressOf(host: number): Ipv4Address {
  const address = parseAddress(`10.42.1.${host}`);
  assert.ok(address.ok);
  return address.value;
}

function ownerOf(text: string): Owner {
  const owner = parseOwner(text);
  assert.ok(owner.ok, text);
  return owner.value;
}

const WORD = 2 ** 32 - 1;

const owners: fc.Arbitrary<Owner> = fc.string({
  unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 128,
  size: "max",
}).map(ownerOf);

const addresses = fc.integer({ min: 2, max: 12 }).map(addressOf);

const subnets: fc.Arbitrary<SubnetRecord> = fc.record({
  kind: fc.constant("subnet"),
  subnet: fc.nat({ max: 3 }).map((third) => cidr(`10.43.${third}.0/24`)),
  revision: fc.integer({ min: 1, max: WORD }),
  cursor: fc.integer({ min: 0, max: WORD }),
}, { noNullPrototype: true });

const routes: fc.Arbitrary<RouteRecord> = fc.record({
  kind: fc.constant("route"),
  route: fc.record({
    destination: fc.nat({ max: 6 }).map((third) => cidr(`10.42.${third}.0/24`)),
    device: fc.constantFrom("vxlan100", "wg0", "wg-frankfurt-02", "a").map(device),
  }, { noNullPrototype: true }),
  claimed: fc.boolean(),
}, { noNullPrototype: true });

/** What a user of the store does. */
type Act =
  | { readonly kind: "put" | "delete"; readonly record: SubnetRecord | RouteRecord }
  | { readonly kind: "allocate"; readonly address: Ipv4Address; readonly owner: Owner }
  | {
    readonly kind: "release";
    readonly address: Ipv4Address;
    readonly other: boolean;
  };

const acts: fc.Arbitrary<Act> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("put", "put", "delete"),
    record: fc.oneof(subnets, routes),
  }),
  fc.record({ kind: fc.constant("allocate"), address: addresses, owner: owners }),
  fc.record({
    kind: fc.constant("release"),
    address: addresses,
    other: fc.constantFrom(false, false, true),
  }),
);

/** The same as an act does, in plain maps. */
class Expected {
  readonly subnets = new Map<string, SubnetRecord>();
  readonly routes = new Map<string, RouteRecord>();
  readonly allocations = new Map<Ipv4Address, Allocation>();
}

/** The changes of an act, in the order in which addresses/address_plan.ts makes them. */
function changesOf(act: Act, { allocations }: Expected): readonly StateChange[] {
  switch (act.kind) {
    case "put":
    case "delete":
      return [{ kind: act.kind, record: act.record }];
    case "allocate": {
      const { address, owner } = act;
      if (allocations.has(address)) return [];
      const key = hashOwner(owner);
      return [
        { kind: "create", record: { kind: "owner", address, owner } },
        { kind: "create", record: { kind: "address", address, key } },
      ];
    }
    case "release": {
      const { address, other } = act;
      const there = allocations.get(address);
      if (there?.owner === undefined) return [];
      const [owner, key] = other
        ? [ownerOf("another"), hashOwner(ownerOf("another"))]
        : [there.owner, there.key];
      const entry = { kind: "address", address, key } as const;
      const name = { kind: "owner", address, owner } as const;
      return [
        { kind: "delete-equal", record: entry },
        ...other ? [] : [{ kind: "delete-equal", record: name } as const],
      ];
    }
  }
}

function apply(act: Act, { allocations, routes, subnets }: Expected): void {
  switch (act.kind) {
    case "put":
    case "delete": {
      const { record } = act;
      if (record.kind === "subnet") subnets.delete(record.subnet);
      else routes.delete(record.route.destination);
      if (act.kind === "delete") return;
      if (record.kind === "subnet") subnets.set(record.subnet, record);
      else routes.set(record.route.destination, record);
      return;
    }
    case "allocate": {
      const { address, owner } = act;
      if (allocations.has(address)) return;
      allocations.set(address, { address, key: hashOwner(owner), owner });
      return;
    }
    case "release": {
      const there = allocations.get(act.address);
      if (there?.owner === "another" || !act.other) allocations.delete(act.address);
    }
  }
}

/** In an order that does not depend on the table's. */
function inOrder<Item>(
  items: Iterable<Item>,
  name: (item: Item) => string,
): readonly Item[] {
  return [...items].toSorted((one, other) => name(one) < name(other) ? -1 : 1);
}

function fragmentsOf(fragments: Iterable<FragmentRecord>): readonly FragmentRecord[] {
  return inOrder(fragments, ({ address, part }) => `${address} ${part}`);
}

function assertStored(actual: StoredState, expected: Expected): void {
  const subnet = (record: SubnetRecord) => record.subnet;
  assert.deepEqual(
    inOrder(actual.subnets, subnet),
    inOrder(expected.subnets.values(), subnet),
  );
  const destination = ({ route }: RouteRecord) => route.destination;
  assert.deepEqual(
    inOrder(actual.routes, destination),
    inOrder(expected.routes.values(), destination),
  );
  const address = (allocation: Allocation) => allocation.address;
  assert.deepEqual(
    inOrder(actual.allocations, address),
    inOrder(expected.allocations.values(), address),
  );
}

function carryOut(table: EntryTable, changes: readonly StateChange[]): void {
  for (const change of changes) {
    const operations = TABLE_142.stage(change, CAUSE);
    assert.ok(operations.length > 0);
    for (const operation of operations) table.carryOut(operation);
  }
}

/** Everything of ours that is no record: our routes of other tables, and noise. */
const NOISE = [
  found(cidr("10.42.2.0/24"), { device: device("vxlan100") }),
  found(cidr("10.42.3.0/24"), { device: device("vxlan100"), table: 77 }),
].map((route) => ({ route, payload: [0, 0, 0, 0, 0, 0] }));

Deno.test("TABLE_142.load gives back what the staged changes wrote, whatever was put, created and deleted", () => {
  fc.assert(
    fc.property(
      fc.array(acts, { maxLength: 40, size: "max" }),
      fc.infiniteStream(fc.nat()),
      (all, order) => {
        const table = new EntryTable();
        const expected = new Expected();
        for (const act of all) {
          carryOut(table, changesOf(act, expected));
          apply(act, expected);
        }
        const shuffled = [...table.routes(), ...NOISE]
          .map((route) => ({ route, at: order.next().value }))
          .toSorted((one, other) => one.at - other.at)
          .map(({ route }) => route);
        const loaded = TABLE_142.load(shuffled);
        assertStored(loaded, expected);
        assert.deepEqual(loaded.fragments, []);
      },
    ),
    { numRuns: 1_000 },
  );
});

Deno.test("TABLE_142.stage deletes all entries of each record that it wrote", () => {
  fc.assert(
    fc.property(fc.array(acts, { maxLength: 20, size: "max" }), (all) => {
      const table = new EntryTable();
      const expected = new Expected();
      for (const act of all) {
        carryOut(table, changesOf(act, expected));
        apply(act, expected);
      }
      const names = [...expected.allocations.values()];
      carryOut(
        table,
        [
          ...[...expected.subnets.values(), ...expected.routes.values()],
          ...names.map(({ address, key }) =>
            ({ kind: "address", address, key }) as const
          ),
          ...names.map(({ address, owner }) => {
            assert.ok(owner !== undefined);
            return { kind: "owner", address, owner } as const;
          }),
        ].map((record) => ({ kind: "delete", record })),
      );
      assert.equal(table.size, 0);
    }),
  );
});

Deno.test("TABLE_142.load tells what is left of other names from the name of an address's owner", () => {
  fc.assert(
    fc.property(
      addresses,
      fc.option(owners, { nil: undefined }),
      owners,
      fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
      (address, holder, other, kept) => {
        const table = new EntryTable();
        if (holder !== undefined) {
          carryOut(table, [
            { kind: "create", record: { kind: "owner", address, owner: holder } },
            {
              kind: "create",
              record: { kind: "address", address, key: hashOwner(holder) },
            },
          ]);
        }
        // An interrupted allocation left some parts, where the holder's name has none.
        const free = holder === undefined ? 0 : partsOf(address, holder).length;
        const left = partsOf(address, other)
          .filter(({ part }) => part >= free && kept[part]);
        const name = { kind: "owner", address, owner: other } as const;
        const all = TABLE_142.stage({ kind: "create", record: name }, CAUSE);
        for (const { part } of left) {
          const operation = all[part];
          assert.ok(operation !== undefined);
          table.carryOut(operation);
        }
        const loaded = TABLE_142.load(table.routes());
        assert.deepEqual(fragmentsOf(loaded.fragments), fragmentsOf(left));
        assert.deepEqual(
          loaded.allocations.map(({ owner }) => owner),
          holder === undefined ? [] : [holder],
        );
        // Each piece can be deleted by itself.
        carryOut(table, left.map((record) => ({ kind: "delete", record })));
        assert.deepEqual(TABLE_142.load(table.routes()).fragments, []);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("TABLE_142.load has an allocation without a name when a part of the name is missing, and its other parts as fragments", () => {
  fc.assert(
    fc.property(addresses, owners, fc.nat({ max: 5 }), (address, owner, missing) => {
      const parts = partsOf(address, owner);
      fc.pre(missing < parts.length);
      const table = new EntryTable();
      const key = hashOwner(owner);
      const gone = parts[missing];
      assert.ok(gone !== undefined);
      carryOut(table, [
        { kind: "create", record: { kind: "owner", address, owner } },
        { kind: "create", record: { kind: "address", address, key } },
        { kind: "delete", record: gone },
      ]);
      const { allocations, fragments } = TABLE_142.load(table.routes());
      assert.deepEqual(allocations, [{ address, key, owner: undefined }]);
      assert.deepEqual(
        fragmentsOf(fragments),
        fragmentsOf(parts.filter((part) => part !== gone)),
      );
    }),
  );
});

Deno.test("TABLE_142.stage changes one record by one cause, and never deletes an equal record of another payload", () => {
  const address = addressOf(7);
  const key = ownerKey([1, 2, 3, 4, 5, 6]);
  const table = new EntryTable();
  const create = { kind: "create", record: { kind: "address", address, key } } as const;
  carryOut(table, [create]);
  const another = {
    kind: "address",
    address,
    key: ownerKey([1, 2, 3, 4, 5, 7]),
  } as const;
  carryOut(table, [{ kind: "delete-equal", record: another }]);
  assert.equal(table.size, 1);
  const [again] = TABLE_142.stage(create, CAUSE);
  assert.ok(again !== undefined && "cause" in again);
  assert.equal(again.cause, CAUSE);
  const result = table.carryOut(again);
  assert.equal(result.ok ? "" : result.failure.kind, "exists");
  carryOut(table, [{ kind: "delete", record: another }]);
  assert.equal(table.size, 0);
});

Deno.test("TABLE_142.isPartOf is true for just the pieces of a name", () => {
  fc.assert(fc.property(addresses, owners, owners, (address, owner, other) => {
    for (const part of partsOf(address, owner)) {
      assert.ok(TABLE_142.isPartOf(owner, part));
      const isShared = other.slice(part.part * 24, (part.part + 1) * 24) === part.text;
      assert.equal(TABLE_142.isPartOf(other, part), isShared);
      const beyond: FragmentRecord = { ...part, part: part.part + 6 };
      assert.ok(!TABLE_142.isPartOf(owner, beyond));
    }
  }));
});

/** What reportForeignEntries logs about these entries. */
async function reportOn(
  ...entries: Parameters<typeof shownEntry>[]
): Promise<readonly string[]> {
  const lines: string[] = [];
  const logger = {
    log: (level: string, message: string) => void lines.push(`${level}: ${message}`),
    flush: () => Promise.resolve(),
  };
  const routes = entries.map((each) => shownEntry(...each));
  const dataplane = new ScriptedDataplane((operations) =>
    answered(operations, () => ok({ kind: "table", routes }))
  );
  await reportForeignEntries(dataplane, logger);
  assert.deepEqual(dataplane.batches, [[
    { command: { kind: "table-routes", table: 142 } },
  ]]);
  return lines;
}

Deno.test("reportForeignEntries names what is not ours in table 142, and logs nothing otherwise", async () => {
  const entry = {
    table: 142,
    type: "blackhole",
    prefix: cidr("10.42.1.0/24"),
    metric: 142,
    payload: [1, 0],
  } as const;
  assert.deepEqual(await reportOn([entry]), []);
  assert.deepEqual(
    await reportOn(
      [entry],
      [{ ...entry, prefix: cidr("10.42.7.0/24") }, 3],
      [{ ...entry, prefix: cidr("10.42.8.0/24"), payload: [] }],
    ),
    ["warn: Ignored 2 foreign entries in table 142: 10.42.7.0/24, 10.42.8.0/24"],
  );
  const lost = new ScriptedDataplane(() => LOST);
  await reportForeignEntries(lost, {
    log: () => assert.fail("nothing is known"),
    flush: () => Promise.resolve(),
  });
});
