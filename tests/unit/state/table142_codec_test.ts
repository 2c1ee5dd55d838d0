import assert from "node:assert/strict";
import fc from "fast-check";
import { type Ipv4Address, parseAddress } from "../../../src/ipam/address.ts";
import { hostPrefix, type Ipv4Cidr, parseCidr } from "../../../src/ipam/cidr.ts";
import { type Owner, ownerKey, parseOwner } from "../../../src/ipam/owner.ts";
import {
  checkInterfaceName,
  type InterfaceName,
} from "../../../src/routing/interface_name.ts";
import {
  addressEntry,
  decode,
  LAST_STATE_METRIC,
  ownerEntries,
  routeEntry,
  STATE_METRIC,
  subnetEntry,
} from "../../../src/state/table142_codec.ts";
import type { TableEntry } from "../../../src/dataplane/dataplane.ts";

function cidr(text: string): Ipv4Cidr {
  const parsed = parseCidr(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

const prefix: fc.Arbitrary<Ipv4Cidr> = fc.nat({ max: 255 })
  .map((third) => cidr(`10.42.${third}.0/24`));

const letters = [..."ABCZabcz019._-"];

const name: fc.Arbitrary<InterfaceName> = fc
  .string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 15 })
  .chain((text) => {
    const checked = checkInterfaceName(text);
    return checked.ok ? fc.constant(checked.value) : fc.constant(anyName);
  });

const anyName = vxlan100();

function vxlan100(): InterfaceName {
  const checked = checkInterfaceName("vxlan100");
  assert.ok(checked.ok);
  return checked.value;
}

const word = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1),
);

Deno.test("a wanted route is recalled with its whole device name, and whether it is confirmed", () => {
  fc.assert(
    fc.property(prefix, name, fc.boolean(), (destination, device, confirmed) => {
      const route = { destination, device };
      const entry = routeEntry(route, confirmed);
      assert.deepEqual(decode(entry), { kind: "route", route, confirmed });
      // The kernel gives every word back, zeros for the rest (see kernel/attribution).
      const padded = { ...entry, payload: [...entry.payload, 0, 0, 0].slice(0, 6) };
      assert.deepEqual(decode(padded), decode(entry));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("two device names never share an entry", () => {
  fc.assert(
    fc.property(prefix, name, name, (destination, one, other) => {
      const same = JSON.stringify(routeEntry({ destination, device: one })) ===
        JSON.stringify(routeEntry({ destination, device: other }));
      assert.equal(same, one === other);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("every word of an entry fits into the kernel's 32 bits", () => {
  fc.assert(fc.property(prefix, name, (destination, device) => {
    const { payload } = routeEntry({ destination, device });
    assert.ok(payload.length <= 6);
    for (const packed of payload) {
      assert.ok(Number.isInteger(packed) && packed >= 0 && packed < 2 ** 32);
    }
  }));
});

Deno.test("the node's subnet is recalled with its revision and how far addresses went", () => {
  const positive = word.filter((value) => value > 0);
  fc.assert(
    fc.property(prefix, positive, word, (subnet, revision, cursor) => {
      const recalled = decode(subnetEntry(subnet, revision, cursor));
      assert.deepEqual(recalled, { kind: "subnet", subnet, revision, cursor });
    }),
  );
});

const address = fc.nat({ max: 255 }).map((octet) => checked(`10.42.1.${octet}`));

function checked(text: string): Ipv4Address {
  const address = parseAddress(text);
  assert.ok(address.ok, text);
  return address.value;
}

Deno.test("an allocated address is recalled with its owner's key", () => {
  const words = fc.array(word, { minLength: 6, maxLength: 6 })
    .filter((all) => all.some((one) => one !== 0));
  fc.assert(
    fc.property(address, words.map(ownerKey), (address, key) => {
      const entry = addressEntry(address, key);
      assert.equal(entry.prefix, `${address}/32`);
      assert.deepEqual(decode(entry), { kind: "address", address, key });
    }),
  );
});

const owner = fc.string({
  unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 128,
}).map((text): Owner => {
  const owner = parseOwner(text);
  assert.ok(owner.ok, text);
  return owner.value;
});

Deno.test("an owner's name of up to 128 characters is recalled from at most six entries", () => {
  fc.assert(
    fc.property(address, owner, (address, owner) => {
      const entries = ownerEntries(address, owner);
      assert.ok(entries.length <= 6);
      const parts = entries.map(decode).map((entry) => {
        assert.ok(entry.kind === "owner-part", entry.kind);
        assert.equal(entry.address, address);
        return entry;
      });
      assert.deepEqual(parts.map(({ part }) => part), [...entries.keys()]);
      assert.equal(parts.map(({ text }) => text).join(""), owner);
      // None of them is taken for the allocation, nor for another part.
      const metrics = new Set(entries.map(({ metric }) => metric));
      assert.equal(metrics.size, entries.length);
      assert.ok(!metrics.has(addressEntry(address, ownerKey([1])).metric));
      for (const entry of entries) {
        assert.ok(entry.metric <= LAST_STATE_METRIC);
        assert.ok(entry.payload.every((word) => word >= 0 && word < 2 ** 32));
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("whatever else stands in an entry is nonsense, or a name that may be used", () => {
  const entry: fc.Arbitrary<TableEntry> = fc.record({
    table: fc.constant(142),
    type: fc.constantFrom("blackhole", "unreachable", "prohibit"),
    prefix: fc.oneof(prefix, address.map(hostPrefix)),
    metric: fc.integer({ min: STATE_METRIC, max: LAST_STATE_METRIC }),
    payload: fc.array(word, { maxLength: 6 }),
  });
  fc.assert(
    fc.property(entry, (found) => {
      const recalled = decode(found);
      switch (recalled.kind) {
        case "nonsense":
          assert.equal(recalled.entry, found);
          break;
        case "subnet":
          assert.equal(found.type, "blackhole");
          assert.equal(recalled.revision, found.payload[0]);
          break;
        case "route":
          assert.equal(found.type, "unreachable");
          assert.ok(checkInterfaceName(recalled.route.device).ok);
          break;
        case "address":
          assert.equal(found.type, "prohibit");
          assert.equal(found.metric, STATE_METRIC);
          break;
        case "owner-part":
          assert.equal(found.type, "prohibit");
          assert.ok(recalled.part >= 0 && recalled.part < 6);
          break;
        default:
          recalled satisfies never;
      }
    }),
    { numRuns: 5000 },
  );
});

const nonsense: readonly (readonly [what: string, entry: TableEntry])[] = [
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

for (const [what, entry] of nonsense) {
  Deno.test(`an entry is nonsense when it is ${what}`, () => {
    assert.deepEqual(decode(entry), { kind: "nonsense", entry });
  });
}
