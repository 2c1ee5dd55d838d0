import assert from "node:assert/strict";
import fc from "fast-check";
import type { Mutation, TableEntry } from "../../../../src/dataplane/dataplane.ts";
import { render } from "../../../../src/dataplane/iproute2/commands.ts";
import {
  parseMutation,
  type WrittenChange,
} from "../../../../src/dataplane/iproute2/parse_mutation.ts";
import { parseOwner } from "../../../../src/ipam/owner.ts";
import { decode, encode } from "../../../../src/state/table142_codec.ts";
import { address, cidr, device, found } from "../../../support/fixtures.ts";
import { bounded } from "../../../support/suite.ts";

const RUNS = { numRuns: bounded(20_000, 4_000) };

const octet = fc.nat({ max: 255 });

const anyAddress = fc.tuple(octet, octet, octet, octet)
  .map((octets) => address(octets.join(".")));

/** A prefix of any length, without host bits. */
const anyPrefix = fc.tuple(fc.nat({ max: 2 ** 32 - 1 }), fc.nat({ max: 32 }))
  .map(([number, length]) => {
    const network = length === 0 ? 0 : (number >>> (32 - length)) << (32 - length);
    const octets = [24, 16, 8, 0].map((shift) => (network >>> shift) & 255);
    return cidr(`${octets.join(".")}/${length}`);
  });

const anyDevice = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,14}$/),
  // Words that mean something to `ip`, each of which is a valid name.
  fc.constantFrom("dev", "proto", "table", "metric", "blackhole", "use", "142", "..."),
).map(device);

const word = fc.oneof(
  fc.nat({ max: 2 ** 32 - 1 }),
  fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1),
);

const anyEntry: fc.Arbitrary<TableEntry> = fc.record({
  table: fc.oneof(fc.constant(142), word),
  type: fc.constantFrom("blackhole", "unreachable", "prohibit"),
  prefix: anyPrefix,
  metric: fc.oneof(fc.constantFrom(142, 143, 147), word),
  payload: fc.array(word, { minLength: 6, maxLength: 6 }),
}, { noNullPrototype: true });

const noPayload = [0, 0, 0, 0, 0, 0];

/** A mutation, and what its words tell. */
type Case = readonly [mutation: Mutation, change: WrittenChange];

const anyCase: fc.Arbitrary<Case> = fc.oneof(
  fc.tuple(anyPrefix, anyDevice, fc.boolean()).map((
    [destination, device, replaces],
  ): Case => [
    {
      kind: replaces ? "replace-route" : "add-route",
      route: { destination, device },
    },
    { kind: "route-written", destination, device, replaces },
  ]),
  fc.tuple(anyPrefix, fc.option(anyDevice, { nil: undefined }), octet, word, octet)
    .map(([destination, device, protocol, metric, tos]): Case => [
      {
        kind: "delete-route",
        route: found(destination, { device, protocol, metric, tos }),
      },
      { kind: "route-deleted", destination, device, protocol },
    ]),
  anyEntry.map((entry): Case => [
    { kind: "put-entry", entry },
    { kind: "entry", verb: "replace", entry },
  ]),
  anyEntry.map((entry): Case => [
    { kind: "create-entry", entry },
    { kind: "entry", verb: "add", entry },
  ]),
  anyEntry.map((entry): Case => [
    { kind: "delete-equal-entry", entry },
    { kind: "entry", verb: "del", entry },
  ]),
  anyEntry.map((entry): Case => [
    { kind: "delete-entry", entry },
    { kind: "entry", verb: "del", entry: { ...entry, payload: noPayload } },
  ]),
  fc.tuple(anyAddress, anyDevice).map(([address, device]): Case => [
    { kind: "probe-neighbour", probe: { address, device } },
    { kind: "neighbour", verb: "add", address, device },
  ]),
  fc.tuple(anyAddress, anyDevice).map(([address, device]): Case => [
    { kind: "delete-neighbour", probe: { address, device } },
    { kind: "neighbour", verb: "del", address, device },
  ]),
);

Deno.test("parseMutation reads back every mutation that render writes", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(anyCase, ([mutation, change]) => {
      seen.add(mutation.kind);
      assert.deepEqual(parseMutation(render(mutation)), change, render(mutation));
    }),
    RUNS,
  );
  assert.equal(seen.size, 9, "every kind of mutation was tried");
});

Deno.test("parseMutation decodes what table 142 keeps of a subnet, a route, an address and its owner", () => {
  const owner = parseOwner("containerd://4f1c/web-1");
  assert.ok(owner.ok);
  const at = address("10.42.1.7");
  const records = [
    { kind: "subnet", subnet: cidr("10.42.1.0/24"), revision: 7, cursor: 12 },
    ...[true, false].map((claimed) => ({
      kind: "route" as const,
      route: { destination: cidr("10.42.2.0/24"), device: device("vxlan100") },
      claimed,
    })),
    { kind: "fragment", address: at, part: 0, text: "containerd://4f1c/web-1" },
  ] as const;
  for (const record of records) {
    const [entry] = encode(record);
    assert.ok(entry !== undefined);
    for (const kind of ["put-entry", "create-entry", "delete-equal-entry"] as const) {
      const change = parseMutation(render({ kind, entry }));
      assert.ok(change?.kind === "entry");
      assert.deepEqual(decode(change.entry), record);
    }
  }
});

Deno.test("parseMutation knows no words that no sidecar writes", () => {
  for (
    const words of [
      "",
      "route",
      "route show",
      "route add 10.42.2.0/24",
      "route add 10.42.2.0 dev vxlan100 proto 142",
      "route add 10.42.2.1/24 dev vxlan100 proto 142",
      "route add 10.42.2.0/24 dev vxlan100 proto",
      "route add 10.42.2.0/24 dev a/b proto 142",
      "route del 10.42.2.0/24 dev vxlan100",
      "route del 10.42.2.0/24 dev vxlan100 proto static metric 0",
      "route add throw 10.42.2.0/24 table 142 proto 142 metric 142",
      "route add toString 10.42.2.0/24 table 142 proto 142 metric 142",
      "route add blackhole 10.42.2.0/24 table 142 proto 142",
      "route add blackhole 10.42.2.0/24 table 4294967296 proto 142 metric 142",
      "route add blackhole 10.42.2.0/24 table 142 proto 142 metric 142 window -1",
      "route append 10.42.2.0/24 dev vxlan100 proto 142",
      "neigh add 10.42.2.1",
      "neigh add 10.42.2.1/32 dev vxlan100 use",
      "neigh replace 10.42.2.1 dev vxlan100",
      "link set vxlan100 up",
    ]
  ) assert.equal(parseMutation(words), undefined, words);
});

Deno.test("parseMutation throws for no text", () => {
  const anyWord = fc.oneof(
    fc.constantFrom("route", "neigh", "add", "replace", "del", "dev", "proto", "table"),
    fc.constantFrom("metric", "window", "blackhole", "10.42.2.0/24", "142", "", "-1"),
    fc.constantFrom("__proto__", "constructor", "10.42.2.1", "vxlan100", "1e9"),
    fc.string({ unit: "binary" }),
  );
  const anyText = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(anyWord, { maxLength: 12 }).map((words) => words.join(" ")),
  );
  fc.assert(
    fc.property(anyText, (text) => {
      const change = parseMutation(text);
      if (change?.kind === "entry") decode(change.entry);
    }),
    RUNS,
  );
});
