import assert from "node:assert/strict";
import fc from "fast-check";
import { type Ipv4Address, parseAddress } from "../../../src/ipam/address.ts";
import { hostPrefix, type Ipv4Cidr, parseCidr } from "../../../src/ipam/cidr.ts";
import { type Owner, ownerKey, parseOwner } from "../../../src/ipam/owner.ts";
import {
  type InterfaceName,
  parseInterfaceName,
} from "../../../src/routing/interface_name.ts";
import {
  decode,
  encode,
  entryOf,
  LAST_STATE_METRIC,
  partsOf,
  STATE_METRIC,
} from "../../../src/state/table142_codec.ts";
import type { TableEntry } from "../../../src/dataplane/dataplane.ts";
import { shownEntry } from "./entry_table.ts";

function cidr(text: string): Ipv4Cidr {
  const parsed = parseCidr(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

const prefix: fc.Arbitrary<Ipv4Cidr> = fc.nat({ max: 255 })
  .map((third) => cidr(`10.42.${third}.0/24`));

const letters = [..."ABCZabcz019._-"];

const name: fc.Arbitrary<InterfaceName> = fc
  .string({
    unit: fc.constantFrom(...letters),
    minLength: 1,
    maxLength: 15,
    size: "max",
  })
  .chain((text) => {
    const checked = parseInterfaceName(text);
    return checked.ok ? fc.constant(checked.value) : fc.constant(anyName);
  });

const anyName = vxlan100();

function vxlan100(): InterfaceName {
  const checked = parseInterfaceName("vxlan100");
  assert.ok(checked.ok);
  return checked.value;
}

type Encoded = Parameters<typeof encode>[0];

/** The entry of a record that has one. */
function entryFor(record: Encoded): TableEntry {
  const [entry, ...others] = encode(record);
  assert.ok(entry !== undefined && others.length === 0);
  return entry;
}

function routeRecord(destination: Ipv4Cidr, device: InterfaceName, claimed = true) {
  return { kind: "route", route: { destination, device }, claimed } as const;
}

const word = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1),
);

Deno.test("decode returns the record of a route with its whole device name, and whether it is claimed", () => {
  fc.assert(
    fc.property(prefix, name, fc.boolean(), (destination, device, claimed) => {
      const record = routeRecord(destination, device, claimed);
      const entry = entryFor(record);
      assert.deepEqual(decode(entry), record);
      // The kernel gives every word back, zeros for the rest (tests/integration/attribution_test.ts).
      const padded = { ...entry, payload: [...entry.payload, 0, 0, 0].slice(0, 6) };
      assert.deepEqual(decode(padded), decode(entry));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("encode never gives two device names one entry", () => {
  fc.assert(
    fc.property(prefix, name, name, (destination, one, other) => {
      const same = JSON.stringify(encode(routeRecord(destination, one))) ===
        JSON.stringify(encode(routeRecord(destination, other)));
      assert.equal(same, one === other);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("encode fits every word into the kernel's 32 bits", () => {
  fc.assert(fc.property(prefix, name, (destination, device) => {
    const { payload } = entryFor(routeRecord(destination, device, false));
    assert.ok(payload.length <= 6);
    for (const packed of payload) {
      assert.ok(Number.isInteger(packed) && packed >= 0 && packed < 2 ** 32);
    }
  }));
});

Deno.test("decode returns the node's subnet with its revision and its cursor", () => {
  const positive = word.filter((value) => value > 0);
  fc.assert(
    fc.property(prefix, positive, word, (subnet, revision, cursor) => {
      const record = { kind: "subnet", subnet, revision, cursor } as const;
      assert.deepEqual(decode(entryFor(record)), record);
    }),
  );
});

const address = fc.nat({ max: 255 }).map((octet) => checked(`10.42.1.${octet}`));

function checked(text: string): Ipv4Address {
  const address = parseAddress(text);
  assert.ok(address.ok, text);
  return address.value;
}

Deno.test("decode returns an allocated address with its owner's key", () => {
  const words = fc.array(word, { minLength: 6, maxLength: 6 })
    .filter((all) => all.some((one) => one !== 0));
  fc.assert(
    fc.property(address, words.map(ownerKey), (address, key) => {
      const record = { kind: "address", address, key } as const;
      const entry = entryFor(record);
      assert.equal(entry.prefix, `${address}/32`);
      assert.deepEqual(decode(entry), record);
    }),
  );
});

const owner = fc.string({
  unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 128,
  size: "max",
}).map((text): Owner => {
  const owner = parseOwner(text);
  assert.ok(owner.ok, text);
  return owner.value;
});

Deno.test("encode splits an owner's name of up to 128 characters into at most six entries", () => {
  fc.assert(
    fc.property(address, owner, (address, owner) => {
      const entries = encode({ kind: "owner", address, owner });
      assert.ok(entries.length <= 6);
      const parts = entries.map(decode).map((entry) => {
        assert.ok(entry.kind === "fragment", entry.kind);
        assert.equal(entry.address, address);
        return entry;
      });
      assert.deepEqual(parts.map(({ part }) => part), [...entries.keys()]);
      assert.equal(parts.map(({ text }) => text).join(""), owner);
      assert.deepEqual(parts, partsOf(address, owner));
      assert.deepEqual(parts.flatMap(encode), entries);
      // None of them is taken for the allocation, nor for another part.
      const metrics = new Set(entries.map(({ metric }) => metric));
      assert.equal(metrics.size, entries.length);
      const allocation = { kind: "address", address, key: ownerKey([1]) } as const;
      assert.ok(!metrics.has(entryFor(allocation).metric));
      for (const entry of entries) {
        assert.ok(entry.metric <= LAST_STATE_METRIC);
        assert.ok(entry.payload.every((word) => word >= 0 && word < 2 ** 32));
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("decode returns a record that may be used, or an unknown entry, whatever stands in it", () => {
  const entry: fc.Arbitrary<TableEntry> = fc.record({
    table: fc.constant(142),
    type: fc.constantFrom("blackhole", "unreachable", "prohibit"),
    prefix: fc.oneof(prefix, address.map(hostPrefix)),
    metric: fc.integer({ min: STATE_METRIC, max: LAST_STATE_METRIC }),
    payload: fc.array(word, { maxLength: 6 }),
  });
  fc.assert(
    fc.property(entry, (found) => {
      const decoded = decode(found);
      switch (decoded.kind) {
        case "unknown":
          assert.equal(decoded.entry, found);
          break;
        case "subnet":
          assert.equal(found.type, "blackhole");
          assert.equal(decoded.revision, found.payload[0]);
          break;
        case "route":
          assert.equal(found.type, "unreachable");
          assert.ok(parseInterfaceName(decoded.route.device).ok);
          break;
        case "address":
          assert.equal(found.type, "prohibit");
          assert.equal(found.metric, STATE_METRIC);
          break;
        case "fragment":
          assert.equal(found.type, "prohibit");
          assert.ok(decoded.part >= 0 && decoded.part < 6);
          break;
        default:
          decoded satisfies never;
      }
    }),
    { numRuns: 5000 },
  );
});

const unknown: readonly (readonly [what: string, entry: TableEntry])[] = [
  ["a subnet without revision", {
    table: 142,
    type: "blackhole",
    prefix: cidr("10.42.1.0/24"),
    metric: 142,
    payload: [0, 0, 0, 0, 0, 0],
  }],
  ["a bare blackhole", {
    table: 142,
    type: "blackhole",
    prefix: cidr("10.42.1.0/24"),
    metric: 142,
    payload: [],
  }],
  ["a route without device", {
    table: 142,
    type: "unreachable",
    prefix: cidr("10.42.1.0/24"),
    metric: 142,
    payload: [0, 0, 0, 0],
  }],
  ["a device with a newline", {
    table: 142,
    type: "unreachable",
    prefix: cidr("10.42.1.0/24"),
    metric: 142,
    payload: [0x760a7600, 0, 0, 0],
  }],
  ["a device that is an option", {
    table: 142,
    type: "unreachable",
    prefix: cidr("10.42.1.0/24"),
    metric: 142,
    payload: [0x2d666f72, 0x63650000, 0, 0],
  }],
  ["a device of sixteen characters", {
    table: 142,
    type: "unreachable",
    prefix: cidr("10.42.1.0/24"),
    metric: 142,
    payload: [0x61616161, 0x61616161, 0x61616161, 0x61616161],
  }],
  ["an address of more than one", {
    table: 142,
    type: "prohibit",
    prefix: cidr("10.42.1.0/24"),
    metric: 142,
    payload: [1],
  }],
  ["an address of nobody", {
    table: 142,
    type: "prohibit",
    prefix: cidr("10.42.1.7/32"),
    metric: 142,
    payload: [0, 0, 0, 0, 0, 0],
  }],
  ["a subnet where an owner's name would stand", {
    table: 142,
    type: "blackhole",
    prefix: cidr("10.42.1.0/24"),
    metric: 143,
    payload: [1],
  }],
  ["a route where an owner's name would stand", {
    table: 142,
    type: "unreachable",
    prefix: cidr("10.42.2.0/24"),
    metric: 143,
    payload: [0x76313030, 0, 0, 0],
  }],
];

for (const [what, entry] of unknown) {
  Deno.test(`decode returns an unknown entry for ${what}`, () => {
    assert.deepEqual(decode(entry), { kind: "unknown", entry });
  });
}

Deno.test("entryOf returns the entry that encode wrote, and none of another table, protocol, metric or type", () => {
  fc.assert(
    fc.property(address, owner, (address, owner) => {
      for (const entry of encode({ kind: "owner", address, owner })) {
        const shown = shownEntry(entry);
        assert.deepEqual(entryOf(shown), entry);
        for (
          const other of [
            shownEntry({ ...entry, table: 77 }),
            shownEntry(entry, 3),
            shownEntry({ ...entry, metric: STATE_METRIC - 1 }),
            shownEntry({ ...entry, metric: LAST_STATE_METRIC + 1 }),
            { ...shown, route: { ...shown.route, type: 1 } },
          ]
        ) {
          assert.equal(entryOf(other), undefined);
        }
      }
    }),
    { numRuns: 200 },
  );
});
