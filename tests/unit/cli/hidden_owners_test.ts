import assert from "node:assert/strict";
import fc from "fast-check";
import {
  allocateCall,
  allocateResult,
  releaseCall,
  releaseResult,
} from "../../../src/api/addresses/log_lines.ts";
import { hideOwners, ownersIn } from "../../../src/cli/hidden_owners.ts";
import { render } from "../../../src/dataplane/iproute2/commands.ts";
import {
  describeAllocateFault,
  describeGatewayTaken,
  describeSubnetInUse,
} from "../../../src/ipam/messages.ts";
import { describeOwnerFault, type Owner, parseOwner } from "../../../src/ipam/owner.ts";
import { formatLine } from "../../../src/observability/logger.ts";
import { hashOwner } from "../../../src/state/owner_key.ts";
import { encode } from "../../../src/state/table142_codec.ts";
import { address, cidr } from "../../support/fixtures.ts";
import { bounded } from "../../support/suite.ts";

const AT = address("10.42.1.7");
const OTHER = address("10.42.1.8");
const SUBNET = cidr("10.42.1.0/24");

function owner(text: string): Owner {
  const parsed = parseOwner(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

/** Every sentence in which a log or an answer names an owner. */
function sentencesAbout(name: Owner): readonly string[] {
  const target = { kind: "owner", text: name } as const;
  const allocated = { address: AT, owner: name };
  const network = { clusterCidr: cidr("10.42.0.0/16"), configured: undefined };
  const allocation = { ...allocated, key: hashOwner(name) };
  const results = [
    ...[true, false].map((changed) =>
      allocateResult({ kind: "allocated", allocated, network, changed })
    ),
    releaseResult({ kind: "released", released: allocated }, target),
    releaseResult({ kind: "absent" }, target),
  ];
  return [
    allocateCall({ owner: name, address: "" }).text,
    allocateCall({ owner: name, address: AT }).text,
    releaseCall(target).text,
    ...results.flatMap((result) =>
      result.kind === "succeeded" ? result.lines.map(({ message }) => message) : []
    ),
    describeOwnerFault({ kind: "owner", text: name }),
    describeGatewayTaken(allocation),
    describeAllocateFault({ kind: "taken", address: AT, by: allocation }, name),
    describeAllocateFault({ kind: "holds-another", held: AT, requested: OTHER }, name),
    describeSubnetInUse({
      from: SUBNET,
      to: cidr("10.42.2.0/24"),
      allocations: [allocation, { ...allocation, address: OTHER }],
      release: "grpcurl",
    }),
  ];
}

/** Names that begin with `Zq`, which stands nowhere else, so that a part is found. */
const anyOwner: fc.Arbitrary<Owner> = fc.oneof(
  fc.string({ unit: "grapheme-ascii", maxLength: 126, size: "max" }),
  fc.string({ unit: fc.constantFrom(...'\\",)(:;.a1 '), maxLength: 20 }),
).map((rest) => owner(`Zq${rest.replaceAll(" ", "_")}`.slice(0, 128)));

/** What a log has of a sentence about an owner, without the owner. */
function logged(format: "text" | "json", name: Owner): readonly string[] {
  return sentencesAbout(name).map((sentence) => {
    const line = formatLine(format, new Date(0), "info", sentence);
    assert.ok(line.includes("Zq"), line);
    return hideOwners(`${line}\n${line}\n`, []);
  });
}

Deno.test("a bundle has no owner that any line of the log names, in text or JSON, without knowing it, and all else", () => {
  const plain = {
    text: logged("text", owner("Zq")),
    json: logged("json", owner("Zq")),
  };
  assert.deepEqual(
    plain.text.slice(0, 4).map((text) => text.split("\n")[0]?.slice(31)),
    [
      "AllocateAddress(owner=(hidden))",
      "AllocateAddress(owner=(hidden), address=10.42.1.7)",
      "ReleaseAddress(owner=(hidden))",
      "Allocated address: 10.42.1.7 of (hidden)",
    ],
  );
  fc.assert(
    fc.property(anyOwner, (name) => {
      for (const format of ["text", "json"] as const) {
        const lines = logged(format, name);
        for (const line of lines) assert.ok(!line.includes("Zq"), line);
        assert.deepEqual(lines, plain[format]);
      }
    }),
    { numRuns: bounded(3_000, 300) },
  );
  const unknown = "Released address: 10.42.1.7 of an unknown owner";
  assert.equal(hideOwners(unknown, []), unknown);
});

Deno.test("a bundle has nothing of what table 142 keeps of an owner, in a listing or an audit log", () => {
  const name = owner("containerd://4f1c8d7a/web-1");
  const entries = [
    ...encode({ kind: "address", address: AT, key: hashOwner(name) }),
    ...encode({ kind: "owner", address: AT, owner: name }),
  ];
  assert.equal(entries.length, 3);
  for (const entry of entries) {
    const words = render({ kind: "put-entry", entry });
    const number = String(entry.payload[0]);
    assert.ok(words.includes(number));
    const key = words.replace("route replace prohibit 10.42.1.7/32 ", "");
    for (
      const text of [
        `{"sequence":7,"words":"${words}","outcome":"done"}`,
        `prohibit 10.42.1.7 ${key} `,
        `prohibit 10.42.1.7 ${key.replace("table 142 ", "")}`,
      ]
    ) {
      const hidden = hideOwners(text, []);
      assert.ok(!hidden.includes(number), hidden);
      assert.match(hidden, /prohibit 10\.42\.1\.7\S* .*metric \d+ \(hidden\)/);
    }
  }
  const route = { destination: cidr("10.42.2.0/24"), device: "vxlan100" };
  const kept =
    `unreachable ${route.destination} proto 142 metric 142 window 1987603553`;
  assert.equal(hideOwners(kept, []), kept);
});

Deno.test("ownersIn reads the owners' names from what ip lists of table 142", () => {
  fc.assert(
    fc.property(fc.uniqueArray(anyOwner, { maxLength: 3 }), (names) => {
      const lines = names.flatMap((name, at) => {
        const taken = address(`10.42.1.${at + 2}`);
        return [
          ...encode({ kind: "address", address: taken, key: hashOwner(name) }),
          ...encode({ kind: "owner", address: taken, owner: name }),
        ].map((entry) =>
          render({ kind: "put-entry", entry }).replace("route replace ", "")
            .replace("/32", "")
        );
      });
      const listing = [
        "default via 192.0.2.1 dev eth0",
        "unreachable 10.42.2.0/24 table 142 proto 142 metric 142 window 1987603553",
        ...lines.map((line) => `${line} `),
        "prohibit 10.42.9.0/24 table 142 proto 142 metric 143 window 7",
        "prohibit",
        "",
      ].join("\n");
      assert.deepEqual(ownersIn(listing), names);
      assert.deepEqual(ownersIn(listing.replaceAll(" table 142", "")), names);
    }),
    { numRuns: bounded(500, 100) },
  );
});

Deno.test("a name that is known is hidden wherever it stands as a word, and nowhere within one", () => {
  const text = 'dev a, "a": [a] web-1 web-10 aa a1 10.42.1.7/a /a\n';
  assert.equal(
    hideOwners(text, ["a", "web-1", ""]),
    'dev (hidden), "(hidden)": [(hidden)] (hidden) web-10 aa a1 10.42.1.7/(hidden) ' +
      "/(hidden)\n",
  );
  const odd = 'a"b\\c';
  assert.equal(
    hideOwners(`${odd} ${JSON.stringify(odd)} ${JSON.stringify({ odd: `"${odd}"` })}`, [
      odd,
    ]),
    '(hidden) "(hidden)" {"odd":"\\"(hidden)\\""}',
  );
  const long = "x".repeat(128);
  assert.equal(hideOwners(`web "${long.slice(0, 64)}…"`, [long]), 'web "(hidden)…"');
  // One name within another.
  assert.equal(
    hideOwners("pod/web/1 pod/web", ["web", "pod/web/1"]),
    "(hidden) pod/(hidden)",
  );
});
