import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import protobuf from "protobufjs";
import { checkEncoding, MalformedMessage } from "../../../src/api/encoding_check.ts";
import { QUILT_RUNTIME, ROUTE_SERVICE } from "../../../src/api/proto_registry.ts";
import {
  type Bytes,
  fixedField,
  groupField,
  lengthField,
  tag,
  utf8,
  varint,
  varintField,
} from "./protobuf_encoder.ts";

const { root } = protobuf.parse(`
syntax = "proto3";
message Bird {
  enum Colour { GREY = 0; RED = 1; }
  string name = 1;
  bytes egg = 2;
  int64 age = 3;
  Colour colour = 4;
  fixed32 ring = 5;
  double weight = 6;
  repeated uint32 sightings = 7;
  repeated Bird chicks = 8;
  map<string, Bird> friends = 9;
  optional bool flies = 15;
}`);
const BIRD = root.resolveAll().lookupType("Bird");

function isAccepted(bytes: Bytes): boolean {
  try {
    checkEncoding(Uint8Array.from(bytes), BIRD);
    return true;
  } catch (cause) {
    assert.ok(cause instanceof MalformedMessage, String(cause));
    return false;
  }
}

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const u32 = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n });
const octets = (size: number) =>
  fc.array(fc.nat(255), { minLength: size, maxLength: size });
const someOctets = fc.array(fc.nat(255), { maxLength: 8 });
const text = fc.string({ unit: "binary" });
const unknownNumber = fc.oneof(
  fc.integer({ min: 10, max: 14 }),
  fc.integer({ min: 16, max: 2 ** 29 - 1 }),
);

/** One well-formed field of a Bird each, or one that its .proto does not know. */
const { field } = fc.letrec<{ field: Bytes; bird: Bytes }>((tie) => ({
  field: fc.oneof(
    { maxDepth: 3 },
    text.map((name) => lengthField(1, utf8(name))),
    someOctets.map((egg) => lengthField(2, egg)),
    u64.map((age) => varintField(3, age)),
    fc.bigInt({ min: 0n, max: 9n }).map((colour) => varintField(4, colour)),
    octets(4).map((ring) => fixedField(5, ring)),
    octets(8).map((weight) => fixedField(6, weight)),
    u32.map((sighting) => varintField(7, sighting)),
    fc.array(u32).map((all) => lengthField(7, all.flatMap((one) => varint(one)))),
    fc.tuple(fc.bigInt({ min: 0n, max: 127n }), fc.nat(4)).map(([value, padding]) => [
      ...tag(15, 0),
      ...varint(value, padding),
    ]),
    fc.tuple(unknownNumber, u64).map(([number, value]) => varintField(number, value)),
    fc.tuple(unknownNumber, someOctets).map((unknown) => lengthField(...unknown)),
    fc.tuple(unknownNumber, fc.oneof(octets(4), octets(8)))
      .map((unknown) => fixedField(...unknown)),
    fc.tuple(unknownNumber, tie("bird")).map((unknown) => groupField(...unknown)),
    tie("bird").map((chick) => lengthField(8, chick)),
    fc.tuple(text, tie("bird")).map(([key, friend]) =>
      lengthField(9, [...lengthField(1, utf8(key)), ...lengthField(2, friend)])
    ),
  ),
  bird: fc.array(tie("field"), { maxLength: 4 }).map((fields) => fields.flat()),
}));
const fields = fc.array(field, { minLength: 1, maxLength: 6 });

Deno.test("checkEncoding accepts every well-formed message, and protobufjs decodes it", () => {
  fc.assert(fc.property(fields, (fields) => {
    const bytes = fields.flat();
    assert.ok(isAccepted(bytes));
    BIRD.decode(Uint8Array.from(bytes));
  }));
});

Deno.test("checkEncoding refuses a message that is cut off inside a field, wherever", () => {
  fc.assert(fc.property(fields, (fields) => {
    const bytes = fields.flat();
    const ends = new Set([0]);
    let end = 0;
    for (const { length } of fields) ends.add(end += length);
    for (let length = 0; length <= bytes.length; length += 1) {
      assert.equal(isAccepted(bytes.slice(0, length)), ends.has(length), `${length}`);
    }
  }));
});

/** Every number that the .proto knows, with the wire types that it may have. */
const KNOWN: readonly (readonly [number, readonly number[]])[] = [
  [1, [2]],
  [2, [2]],
  [3, [0]],
  [4, [0]],
  [5, [5]],
  [6, [1]],
  [7, [0, 2]],
  [8, [2]],
  [9, [2]],
  [15, [0]],
];

const CONTENTS: readonly Bytes[] = [
  [0],
  Array(8).fill(0),
  [0],
  [],
  [],
  Array(4).fill(0),
];

Deno.test("checkEncoding accepts a known field with its own wire types alone", () => {
  for (const [number, wireTypes] of KNOWN) {
    for (const wireType of [0, 1, 2, 3, 4, 5, 6, 7]) {
      const end = wireType === 3 ? tag(number, 4) : [];
      const bytes = [...tag(number, wireType), ...CONTENTS[wireType] ?? [], ...end];
      const expected = wireTypes.includes(wireType);
      assert.equal(isAccepted(bytes), expected, `${number}: ${wireType}`);
      assert.equal(isAccepted(lengthField(8, bytes)), expected, "in a message");
      const friend = lengthField(9, lengthField(2, bytes));
      assert.equal(isAccepted(friend), expected, "in an entry of a map");
    }
  }
});

/** RFC 3629, 3: by a regular expression over hexadecimal digits. */
function isUtf8Text(bytes: Bytes): boolean {
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const tail = "(?:[89ab].)";
  const sequence = [
    "[0-7].",
    `(?:c[2-9a-f]|d.)${tail}`,
    `e0(?:[ab].)${tail}`,
    `e[1-9abcef]${tail}{2}`,
    `ed(?:[89].)${tail}`,
    `f0(?:[9ab].)${tail}{2}`,
    `f[1-3]${tail}{3}`,
    `f4(?:8.)${tail}{2}`,
  ].join("|");
  return new RegExp(`^(?:${sequence})*$`).test(hex);
}

const oddText = fc.array(
  fc.constantFrom(
    0x41,
    0x80,
    0xbf,
    0xc1,
    0xc3,
    0xe0,
    0xed,
    0xa0,
    0xf0,
    0x90,
    0xf4,
    0xff,
  ),
  { maxLength: 5 },
);

Deno.test("checkEncoding accepts a string that is UTF-8, and no other", () => {
  fc.assert(
    fc.property(fc.oneof(oddText, text.map(utf8)), (bytes) => {
      const expected = isUtf8Text(bytes);
      assert.equal(isAccepted(lengthField(1, bytes)), expected);
      assert.equal(isAccepted(lengthField(8, lengthField(1, bytes))), expected);
      assert.equal(isAccepted(lengthField(9, lengthField(1, bytes))), expected);
      assert.ok(isAccepted(lengthField(2, bytes)), "bytes may be anything");
      assert.ok(isAccepted(lengthField(99, bytes)), "an unknown field too");
    }),
    { numRuns: 500 },
  );
});

const malformed: readonly (readonly [what: string, bytes: Bytes])[] = [
  ["field number 0", [0, 0]],
  ["a field number above 2^29 - 1", varintField(2 ** 29, 0n)],
  ["a varint of 11 bytes", [...tag(3, 0), ...Array(10).fill(0x80), 0]],
  ["a varint of more than 64 bits", [...tag(3, 0), ...varint(2n ** 64n)]],
  ["a tag of 6 bytes", [...varint(24n, 5), 0]],
  ["a length of 6 bytes", [...tag(1, 2), ...varint(1n, 5), 0x41]],
  ["a bool of 6 bytes", [...tag(15, 0), ...varint(1n, 5)]],
  ["a packed uint32 of 9 bytes", lengthField(7, varint(1n, 8))],
  ["a length above 2^32", [...tag(1, 2), ...varint(2n ** 32n), 0x41]],
  ["an end of a group without a start", tag(20, 4)],
  ["a group with another's end", [...tag(20, 3), ...tag(21, 4)]],
  ["a group without an end", tag(20, 3)],
  ["packed numbers that are cut off", lengthField(7, [0x80])],
];

for (const [what, bytes] of malformed) {
  Deno.test(`checkEncoding refuses ${what}`, () => assert.ok(!isAccepted(bytes)));
}

Deno.test("checkEncoding bounds how deep messages and groups are nested", () => {
  let chick: Bytes = [];
  let group: Bytes = [];
  for (let depth = 0; depth < 100; depth += 1) {
    [chick, group] = [lengthField(8, chick), groupField(20, group)];
  }
  assert.ok(isAccepted(chick) && isAccepted(group));
  assert.ok(!isAccepted(lengthField(8, chick)) && !isAccepted(groupField(20, group)));
});

Deno.test("checkEncoding never fails in another way, whatever the bytes", () => {
  const bytes = fc.array(
    fc.oneof(fc.nat(255), fc.constantFrom(8, 10, 74, 130, 163, 164)),
  );
  fc.assert(fc.property(bytes, (bytes) => void isAccepted(bytes)), { numRuns: 2_000 });
});

Deno.test("a request of our services is checked before it is decoded", () => {
  const { RemoveRoute } = QUILT_RUNTIME;
  const { SyncRoutes } = ROUTE_SERVICE;
  assert.ok(RemoveRoute && SyncRoutes);
  const destination = lengthField(1, utf8("10.42.2.0/24"));
  const decode = (bytes: Bytes) => RemoveRoute.requestDeserialize(Buffer.from(bytes));
  assert.deepEqual(decode([...destination, ...varintField(99, 1n)]), {
    destination: "10.42.2.0/24",
  });
  assert.throws(() => decode(destination.slice(0, -1)), MalformedMessage);
  assert.throws(() => decode(varintField(1, 2n)), MalformedMessage);
  assert.throws(() => decode(lengthField(1, [0xff])), MalformedMessage);
  const route = Buffer.from(lengthField(1, destination.slice(0, -1)));
  assert.throws(() => SyncRoutes.requestDeserialize(route), MalformedMessage);
});
