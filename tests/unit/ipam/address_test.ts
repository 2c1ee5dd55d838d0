import assert from "node:assert/strict";
import fc from "fast-check";
import {
  addressFromNumber,
  addressToNumber,
  describeAddressFault,
  firstAddress,
  hostAddress,
  parseAddress,
} from "../../../src/ipam/address.ts";
import { hostPrefix, type Ipv4Cidr, parseCidr } from "../../../src/ipam/cidr.ts";

function cidr(text: string): Ipv4Cidr {
  const parsed = parseCidr(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

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
