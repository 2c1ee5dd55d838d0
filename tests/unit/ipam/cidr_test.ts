import assert from "node:assert/strict";
import {
  contains,
  type Ipv4Cidr,
  networkAddress,
  overlap,
  parseCidr,
  prefixLength,
} from "../../../src/ipam/cidr.ts";
import { hostileTexts } from "./cidr_oracle.ts";

function cidr(text: string): Ipv4Cidr {
  const parsed = parseCidr(text);
  assert(parsed.ok, `${text} is a CIDR`);
  return parsed.value;
}

/** The contract's numbers: at most `most`, and written as one would write them anew. */
function isNumberUpTo(most: number, text: string): boolean {
  return /^[0-9]+$/.test(text) && Number(text) <= most && `${Number(text)}` === text;
}

/** All texts of one to three digits, those with leading zeros among them. */
const digitTexts = [1, 2, 3].flatMap((length) =>
  Array.from({ length: 10 ** length }, (_, value) => `${value}`.padStart(length, "0"))
);

type TakesAnyString<Branded> = string extends Branded ? true : false;

Deno.test("Ipv4Cidr: the compiler rejects a plain string", () => {
  const taken: TakesAnyString<Ipv4Cidr> = false;
  assert.equal(taken, false);
});

Deno.test("parseCidr accepts four octets, a slash and a prefix without host bits", () => {
  const texts = ["10.42.1.0/24", "0.0.0.0/0", "255.255.255.255/32", "128.0.0.0/1"];
  for (const text of texts) {
    assert.deepEqual(parseCidr(text), { ok: true, value: text });
  }
});

Deno.test("parseCidr rejects hostile text", () => {
  for (const text of hostileTexts) {
    const expected = { ok: false, fault: { kind: "malformed", text } };
    assert.deepEqual(parseCidr(text), expected, JSON.stringify(text.slice(0, 80)));
  }
});

Deno.test("parseCidr accepts decimal octets from 0 to 255 without leading zeros", () => {
  for (const octet of [...digitTexts, "1000", "0255", ""]) {
    const texts = [`${octet}.2.3.4/32`, `1.${octet}.3.4/32`, `1.2.${octet}.4/32`];
    for (const text of [...texts, `1.2.3.${octet}/32`]) {
      assert.equal(parseCidr(text).ok, isNumberUpTo(255, octet), text);
    }
  }
});

Deno.test("parseCidr accepts a decimal prefix length from 0 to 32 without leading zeros", () => {
  for (const prefix of [...digitTexts, "0024", "1000", ""]) {
    const text = `0.0.0.0/${prefix}`;
    assert.equal(parseCidr(text).ok, isNumberUpTo(32, prefix), text);
  }
});

Deno.test("parseCidr rejects host bits, and returns the network that the client means", () => {
  const cases = [
    ["10.42.1.5/24", "10.42.1.0/24"],
    ["10.42.1.128/24", "10.42.1.0/24"],
    ["255.255.255.255/0", "0.0.0.0/0"],
    ["255.255.255.255/1", "128.0.0.0/1"],
    ["255.255.255.255/31", "255.255.255.254/31"],
    ["10.42.130.0/22", "10.42.128.0/22"],
  ] as const;
  for (const [text, network] of cases) {
    const fault = { kind: "host-bits", text, network };
    assert.deepEqual(parseCidr(text), { ok: false, fault });
  }
});

Deno.test("networkAddress and prefixLength are the two parts of a CIDR", () => {
  assert.equal(networkAddress(cidr("10.42.1.0/24")), "10.42.1.0");
  assert.equal(prefixLength(cidr("10.42.1.0/24")), 24);
  assert.equal(prefixLength(cidr("0.0.0.0/0")), 0);
  assert.equal(prefixLength(cidr("10.42.1.7/32")), 32);
});

Deno.test("contains is true for the prefix itself and its subnets, and for nothing else", () => {
  const cluster = cidr("10.42.0.0/16");
  const within = ["10.42.0.0/16", "10.42.0.0/24", "10.42.255.0/24", "10.42.255.255/32"];
  for (const text of within) assert(contains(cluster, cidr(text)), text);
  const outside = ["10.41.255.0/24", "10.43.0.0/24", "10.0.0.0/8", "10.42.0.0/15"];
  for (const text of outside) assert(!contains(cluster, cidr(text)), text);
  assert(contains(cidr("0.0.0.0/0"), cidr("255.255.255.255/32")));
  assert(!contains(cidr("255.255.255.255/32"), cidr("255.255.255.254/32")));
});

Deno.test("overlap is true if either prefix contains the other, and for nothing else", () => {
  const subnet = cidr("10.42.1.0/24");
  for (const text of ["10.42.1.0/24", "10.42.0.0/16", "0.0.0.0/0", "10.42.1.7/32"]) {
    assert(overlap(subnet, cidr(text)) && overlap(cidr(text), subnet), text);
  }
  for (const text of ["10.42.2.0/24", "10.42.0.0/24", "10.43.0.0/16", "10.42.2.0/32"]) {
    assert(!overlap(subnet, cidr(text)) && !overlap(cidr(text), subnet), text);
  }
});
