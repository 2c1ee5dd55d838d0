import assert from "node:assert/strict";
import fc from "fast-check";
import { parseDestination } from "../../../../src/dataplane/iproute2/parse.ts";
import { hostileTexts, judge } from "../../ipam/cidr_oracle.ts";

Deno.test("parseDestination accepts a CIDR, an address or default", () => {
  assert.equal(parseDestination("10.42.2.0/24"), "10.42.2.0/24");
  assert.equal(parseDestination("0.0.0.0/1"), "0.0.0.0/1");
  assert.equal(parseDestination("10.42.1.7"), "10.42.1.7/32");
  assert.equal(parseDestination("default"), "0.0.0.0/0");
});

Deno.test("parseDestination is undefined for any other text", () => {
  const others = [
    "",
    "all",
    "default ",
    "fd00::/8",
    "fe80::1",
    "10.42.1.7/24",
    "10.42.1",
  ];
  for (const dst of [...others, "10.42.1.7\n", "10.42.1.0/24 dev lo", "/24", "/"]) {
    assert.equal(parseDestination(dst), undefined, JSON.stringify(dst));
  }
});

Deno.test("parseDestination is as strict as the contract's CIDR, and takes an address for a /32", () => {
  const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
  const dotted = octets.map((four) => four.join("."));
  const prefixed = fc.tuple(dotted, fc.integer({ min: -1, max: 40 }))
    .map(([address, prefix]) => `${address}/${prefix}`);
  const text = fc.oneof(
    dotted,
    prefixed,
    fc.constantFrom("default", ...hostileTexts),
    fc.string({ unit: fc.constantFrom(..."0123456789./ \n\0:x"), maxLength: 20 }),
  );
  fc.assert(
    fc.property(text, (dst) => {
      const full = dst === "default"
        ? "0.0.0.0/0"
        : dst.includes("/")
        ? dst
        : `${dst}/32`;
      const expected = judge(full).kind === "cidr" ? full : undefined;
      assert.equal(parseDestination(dst), expected);
    }),
    { numRuns: 10_000 },
  );
});
