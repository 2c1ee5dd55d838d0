import assert from "node:assert/strict";
import fc from "fast-check";
import { IPv4CidrRange } from "ip-num";
import {
  commonPrefix,
  contains,
  type Ipv4Cidr,
  networkAddress,
  parseCidr,
  prefixLength,
} from "../../../src/ipam/cidr.ts";
import {
  checkClusterPolicy,
  checkNodeCidr,
  describeCidrFault,
} from "../../../src/ipam/policy.ts";
import { hostileTexts, judge, sentence, type Verdict, written } from "./cidr_oracle.ts";
import { bounded } from "../../support/suite.ts";

// By fast-check's default size no string would be much longer than ten.
const size = "max";

const bit = fc.constantFrom("0", "1");

const bitsOf = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: bit, minLength, maxLength, size });

const network = bitsOf(0, 32).map(written);

const octet = fc.oneof(
  fc.integer({ min: 0, max: 255 }),
  fc.constantFrom(0, 1, 9, 10, 99, 100, 128, 199, 200, 249, 250, 255),
);

const dotted = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join("."));

const wellFormed = fc.tuple(dotted, fc.integer({ min: 0, max: 32 }))
  .map(([address, prefix]) => `${address}/${prefix}`);

const numberish = fc.oneof(
  fc.integer({ min: -2, max: 999 }).map(String),
  fc.tuple(fc.constantFrom("0", "00", "+", "-", " ", "0x", ""), octet)
    .map(([before, value]) => `${before}${value}`),
);

const oneNumberOff = fc.tuple(
  fc.tuple(octet, octet, octet, octet, fc.integer({ min: 0, max: 32 })),
  fc.integer({ min: 0, max: 4 }),
  numberish,
).map(([numbers, place, replacement]) => {
  const words = numbers.map(String).with(place, replacement);
  return `${words.slice(0, 4).join(".")}/${words[4]}`;
});

const strange = fc.constantFrom(
  ..."0123456789./ \t\n\r\0\x7f\x1b+-:;,#$xeE'\"\\٣３⁄。\u00a0\u2028\ufeff",
);

// One edit: `length` characters at `at` give way to others, none or several.
const edited = fc.record({
  text: fc.oneof(network, wellFormed),
  at: fc.nat({ max: 18 }),
  length: fc.nat({ max: 2 }),
  others: fc.string({ unit: strange, maxLength: 2 }),
}).map(({ text, at, length, others }) =>
  text.slice(0, at) + others + text.slice(at + length)
);

const surrounded = fc.tuple(
  fc.oneof(network, fc.constant("10.42.1.0/24")),
  fc.constantFrom(...hostileTexts, "\n", "\0", " dev lo", " table main", "\n-batch x"),
  fc.boolean(),
).map(([text, hostile, before]) => before ? hostile + text : text + hostile);

const anyText = fc.oneof(
  { weight: 6, arbitrary: network },
  { weight: 4, arbitrary: wellFormed },
  { weight: 4, arbitrary: oneNumberOff },
  { weight: 4, arbitrary: edited },
  { weight: 1, arbitrary: surrounded },
  { weight: 1, arbitrary: fc.constantFrom(...hostileTexts) },
  { weight: 1, arbitrary: fc.string({ unit: strange, maxLength: 24, size }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 40, size }) },
);

const examples = hostileTexts.map((text): [string] => [text]);

function accepted(text: string): Ipv4Cidr {
  const parsed = parseCidr(text);
  assert(parsed.ok, `${JSON.stringify(text)} is a CIDR`);
  return parsed.value;
}

function assertSameVerdict(text: string, verdict: Verdict): void {
  const parsed = parseCidr(text);
  switch (verdict.kind) {
    case "malformed":
      assert.deepEqual(parsed, { ok: false, fault: { kind: "malformed", text } });
      return;
    case "host-bits": {
      const fault = { kind: "host-bits", text, network: verdict.network };
      assert.deepEqual(parsed, { ok: false, fault });
      return;
    }
    case "cidr":
      assert.deepEqual(parsed, { ok: true, value: text });
      return;
    default:
      verdict satisfies never;
  }
}

const TEXTS = bounded(100_000, 10_000);

Deno.test(`parseCidr accepts exactly what the contract calls a CIDR, of ${TEXTS} texts`, () => {
  const seen = { malformed: 0, "host-bits": 0, cidr: 0 };
  fc.assert(
    fc.property(anyText, (text) => {
      const verdict = judge(text);
      seen[verdict.kind] += 1;
      assertSameVerdict(text, verdict);
    }),
    { numRuns: TEXTS, examples },
  );
  assert.equal(seen.malformed + seen["host-bits"] + seen.cidr, TEXTS);
  for (const [kind, times] of Object.entries(seen)) {
    assert(times > TEXTS / 10, `${kind} was seen only ${times} times`);
  }
});

Deno.test("parseCidr accepts only digits, dots and one slash, and returns the text itself", () => {
  const prefixes = new Set<number>();
  fc.assert(
    fc.property(anyText, (text) => {
      const parsed = parseCidr(text);
      if (!parsed.ok) return;
      prefixes.add(prefixLength(parsed.value));
      assert.match(parsed.value, /^[0-9.]+\/[0-9]+$/);
      assert.equal(parsed.value, text);
      assert.equal(accepted(parsed.value), parsed.value);
      const [address, prefix] = text.split("/");
      assert.equal(networkAddress(parsed.value), address);
      assert.equal(prefixLength(parsed.value), Number(prefix));
    }),
    { numRuns: 10_000, examples },
  );
  assert.equal(prefixes.size, 33, "every prefix length was seen");
});

// ip-num computes with addresses as BigInt, so it shares no arithmetic with cidr.ts.
Deno.test("networkAddress, prefixLength and contains agree with ip-num", () => {
  const near = fc.tuple(bitsOf(0, 32), bitsOf(0, 8))
    .map(([bits, more]) => [bits, (bits + more).slice(0, 32)]);
  const seen = { inside: 0, outside: 0 };
  fc.assert(
    fc.property(fc.oneof(fc.tuple(bitsOf(0, 32), bitsOf(0, 32)), near), (pair) => {
      const [outer, inner] = pair.map((bits) => accepted(written(bits)));
      assert(outer !== undefined && inner !== undefined);
      const [outerRange, innerRange] = [outer, inner].map(IPv4CidrRange.fromCidr);
      assert(outerRange !== undefined && innerRange !== undefined);
      assert.equal(networkAddress(inner), innerRange.getFirst().toString());
      assert.equal(BigInt(prefixLength(inner)), innerRange.getPrefix().getValue());
      const expected = outerRange.contains(innerRange);
      seen[expected ? "inside" : "outside"] += 1;
      assert.equal(contains(outer, inner), expected, `${outer} contains ${inner}`);
    }),
    { numRuns: 2_000 },
  );
  assert(seen.inside > 100 && seen.outside > 100, JSON.stringify(seen));
});

Deno.test("commonPrefix has exactly the bits with which all prefixes begin", () => {
  const several = fc.array(bitsOf(0, 32), { minLength: 1, maxLength: 5 });
  const near = fc.tuple(bitsOf(0, 30), fc.array(bitsOf(0, 2), { minLength: 1 }))
    .map(([common, ends]) => ends.map((end) => common + end));
  fc.assert(fc.property(fc.oneof(several, near), (prefixes) => {
    const [first = "", ...others] = prefixes;
    const differs = [...first].findIndex((bit, at) =>
      others.some((other) => other[at] !== bit)
    );
    const common = differs < 0 ? first : first.slice(0, differs);
    const found = commonPrefix(prefixes.map((bits) => accepted(written(bits))));
    assert.equal(found, written(common));
  }));
  assert.equal(commonPrefix([]), "0.0.0.0/0");
});

Deno.test("contains is true exactly if the prefix bits of one CIDR begin those of the other", () => {
  const seen = { inside: 0, outside: 0 };
  const pair = fc.oneof(
    fc.tuple(bitsOf(0, 32), bitsOf(0, 32)),
    fc.tuple(bitsOf(0, 16), bitsOf(0, 16)).map(([bits, more]) => [bits, bits + more]),
  );
  fc.assert(
    fc.property(pair, ([outer = "", inner = ""]) => {
      const expected = inner.startsWith(outer);
      seen[expected ? "inside" : "outside"] += 1;
      const found = contains(accepted(written(outer)), accepted(written(inner)));
      assert.equal(found, expected, `${written(outer)} contains ${written(inner)}`);
    }),
    { numRuns: 10_000 },
  );
  assert(seen.inside > 1_000 && seen.outside > 1_000, JSON.stringify(seen));
});

Deno.test("checkNodeCidr gives the sentence of the contract's table under any policy", () => {
  const seen = new Map<string, number>();
  const policies = bitsOf(1, 30).chain((clusterBits) =>
    fc.record({
      clusterBits: fc.constant(clusterBits),
      nodePrefix: fc.integer({ min: clusterBits.length, max: 30 }),
    })
  );
  // Chosen so that every row of the table is seen thousands of times.
  const cases = policies.chain((policy) => {
    const { clusterBits, nodePrefix } = policy;
    const rest = nodePrefix - clusterBits.length;
    const text = fc.oneof(
      bitsOf(rest, rest).map((bits) => written(clusterBits + bits)),
      bitsOf(nodePrefix, nodePrefix).map(written),
      dotted.map((address) => `${address}/${nodePrefix}`),
      anyText,
    );
    return fc.record({
      policy: fc.constant(policy),
      text,
      noun: fc.constantFrom("Subnet" as const, "Destination" as const),
    });
  });
  fc.assert(
    fc.property(cases, ({ policy, text, noun }) => {
      const checked = checkClusterPolicy(
        written(policy.clusterBits),
        policy.nodePrefix,
      );
      assert(checked.ok, `${JSON.stringify(policy)} is a policy`);
      const outcome = checkNodeCidr(text, checked.value);
      const expected = sentence(text, noun, policy);
      const kind = outcome.ok ? "accepted" : outcome.fault.kind;
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
      if (outcome.ok) {
        assert.equal(expected, undefined);
        assert.equal(outcome.value, text);
      } else {
        const message = describeCidrFault(outcome.fault, noun);
        const quoted = outcome.fault.kind === "malformed";
        const compared = quoted ? message.slice(0, message.indexOf('"') + 1) : message;
        assert.equal(compared, expected);
      }
    }),
    { numRuns: 20_000 },
  );
  for (const kind of ["accepted", "malformed", "prefix", "host-bits", "outside"]) {
    assert(
      (seen.get(kind) ?? 0) > 500,
      `${kind} was seen ${seen.get(kind) ?? 0} times`,
    );
  }
});
