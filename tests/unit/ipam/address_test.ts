import assert from "node:assert/strict";
import fc from "fast-check";
import {
  addressAfter,
  addressFromNumber,
  addressToNumber,
  describeAddressFault,
  enclosing,
  firstAddress,
  hostAddress,
  parseAddress,
} from "../../../src/ipam/address.ts";
import { contains, hostPrefix, prefixLength } from "../../../src/ipam/cidr.ts";
import { address, cidr } from "../../support/fixtures.ts";

const octet = fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 1, 127, 128, 255));

Deno.test("parseAddress accepts a dotted quad, and addressToNumber is the number of its octets", () => {
  fc.assert(
    fc.property(octet, octet, octet, octet, (a, b, c, d) => {
      const text = `${a}.${b}.${c}.${d}`;
      const checked = parseAddress(text);
      assert.ok(checked.ok, text);
      const number = addressToNumber(checked.value);
      assert.equal(number, ((a * 256 + b) * 256 + c) * 256 + d);
      assert.equal(addressFromNumber(number), text);
      assert.equal(hostPrefix(checked.value), cidr(`${text}/32`));
      assert.equal(hostAddress(hostPrefix(checked.value)), text);
    }),
  );
});

const bad = [
  "",
  "10.42.1",
  "10.42.1.7.9",
  "10.42.1.256",
  "10.42.1.07",
  "10.42.1.+7",
  " 10.42.1.7",
  "10.42.1.7 ",
  "10.42.1.7\n",
  "10.42.1.7/32",
  "10.42.1.7/3",
  "0x0a.42.1.7",
  "::ffff:10.42.1.7",
  "１0.42.1.7",
  "default",
];

for (const text of bad) {
  Deno.test(`parseAddress rejects ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseAddress(text), {
      ok: false,
      fault: { kind: "address", text },
    });
  });
}

Deno.test("describeAddressFault quotes the text and gives an example", () => {
  assert.equal(
    describeAddressFault({ kind: "address", text: "10.42.1.7\n" }),
    'Invalid address: "10.42.1.7\\n"; use an IPv4 address such as 10.42.1.7',
  );
});

Deno.test("hostAddress is defined only for a /32", () => {
  assert.equal(hostAddress(cidr("10.42.1.0/24")), undefined);
  assert.equal(hostAddress(cidr("10.42.1.0/31")), undefined);
  assert.equal(firstAddress(cidr("10.42.1.0/24")), "10.42.1.0");
});

Deno.test("addressAfter counts over the end of an octet", () => {
  assert.equal(addressAfter(address("10.42.1.0"), 1), "10.42.1.1");
  assert.equal(addressAfter(address("10.42.1.255"), 1), "10.42.2.0");
  assert.equal(addressAfter(address("10.42.1.7"), 0), "10.42.1.7");
  assert.equal(addressAfter(address("0.0.0.0"), 2 ** 32 - 1), "255.255.255.255");
});

Deno.test("enclosing is the prefix of each length that contains the address", () => {
  assert.equal(enclosing(address("10.42.1.7"), 24), "10.42.1.0/24");
  assert.equal(enclosing(address("10.42.1.7"), 32), "10.42.1.7/32");
  assert.equal(enclosing(address("255.255.255.255"), 0), "0.0.0.0/0");
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 32 - 1 }), fc.nat({ max: 32 }), (number, length) => {
      const inner = addressFromNumber(number);
      const outer = enclosing(inner, length);
      assert.equal(prefixLength(outer), length);
      assert.ok(contains(outer, hostPrefix(inner)), `${outer} contains ${inner}`);
    }),
  );
  assert.throws(() => enclosing(address("10.42.1.7"), 33), RangeError);
});
