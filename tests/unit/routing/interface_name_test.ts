import assert from "node:assert/strict";
import fc from "fast-check";
import {
  describeInterfaceNameFault,
  type InterfaceName,
  parseInterfaceName,
} from "../../../src/routing/interface_name.ts";
import { bounded } from "../../support/suite.ts";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

/** The contract's grammar, one character after another. */
function isName(text: string): boolean {
  if (text === "." || text === ".." || text.charAt(0) === "-") return false;
  const strange = text.split("").filter((unit) => !alphabet.includes(unit));
  return strange.length === 0 && text.length >= 1 && text.length <= 15;
}

const hostileNames = [
  "",
  ".",
  "..",
  " ",
  "-",
  "-batch",
  "--help",
  "lo\n",
  "\nlo",
  "lo\nroute flush table main",
  "vxlan100 table main",
  "vxlan100\0",
  "vxlan100\r",
  "vxlan100\u2028",
  "vxlan100\u00a0",
  "vxlan100/",
  "../../etc/passwd",
  "vxlan:100",
  "vxlan100#",
  "vxlan100;",
  'vxlan"100',
  "vxlan'100",
  "vxlan\\",
  "vxlan100@eth0",
  "vxlan%d",
  "eth+",
  "٣",
  "ｌｏ",
  "ñ",
  "😀",
  "\ud83d",
  "1234567890123456",
  "x".repeat(100_000),
];

const unit = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom(...alphabet) },
  { weight: 3, arbitrary: fc.constantFrom(".", "-") },
  {
    weight: 1,
    arbitrary: fc.constantFrom(..." \t\n\r\0\x1b\x7f/:;#'\"\\@%+$ſKé٣\u2028"),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 0, max: 0xffff }).map((code) =>
      String.fromCharCode(code)
    ),
  },
);

const anyName = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit, maxLength: 18, size: "max" }) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: fc.constantFrom(".", "-", "a"), maxLength: 3 }),
  },
  { weight: 1, arbitrary: fc.constantFrom(...hostileNames) },
);

type TakesAnyString<Branded> = string extends Branded ? true : false;

Deno.test("InterfaceName is not assignable from a plain string", () => {
  const taken: TakesAnyString<InterfaceName> = false;
  assert.equal(taken, false);
});

Deno.test("parseInterfaceName accepts the names that Linux networking uses", () => {
  const names = ["vxlan100", "lo", "eth0.100", "br-1a2b3c4d5e6f", "wg_0", "...", ".a"];
  for (const name of [...names, "A", "0", "_", "veth-Z9.x_", "123456789012345"]) {
    assert.deepEqual(parseInterfaceName(name), { ok: true, value: name });
  }
});

Deno.test("parseInterfaceName rejects hostile texts", () => {
  for (const text of hostileNames) {
    const expected = { ok: false, fault: { kind: "interface-name", text } };
    assert.deepEqual(parseInterfaceName(text), expected, JSON.stringify(text));
  }
});

Deno.test("parseInterfaceName accepts just the characters of the contract", () => {
  for (let code = 0; code <= 0xffff; code += 1) {
    const character = String.fromCharCode(code);
    for (const text of [`a${character}`, character]) {
      const what = `U+${code.toString(16)} in a name of ${text.length}`;
      assert.equal(parseInterfaceName(text).ok, isName(text), what);
    }
  }
});

const TEXTS = bounded(50_000, 5_000);

Deno.test(`parseInterfaceName accepts exactly the contract's grammar, of ${TEXTS} texts`, () => {
  const seen = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(anyName, (text) => {
      const expected = isName(text);
      seen[expected ? "accepted" : "refused"] += 1;
      const checked = parseInterfaceName(text);
      assert.equal(checked.ok, expected);
      if (checked.ok) assert.equal(checked.value, text);
    }),
    {
      numRuns: TEXTS,
      examples: hostileNames.map((text): [string] => [text]),
    },
  );
  assert.equal(seen.accepted + seen.refused, TEXTS);
  assert(seen.accepted > TEXTS / 10 && seen.refused > TEXTS / 10, JSON.stringify(seen));
});

Deno.test("describeInterfaceNameFault writes the contract's sentence", () => {
  const sentences = {
    "": 'Invalid interface name: ""',
    "lo\nroute flush": 'Invalid interface name: "lo\\nroute flush"',
    "-batch": 'Invalid interface name: "-batch"',
  };
  for (const [text, sentence] of Object.entries(sentences)) {
    const checked = parseInterfaceName(text);
    assert(!checked.ok);
    assert.equal(describeInterfaceNameFault(checked.fault), sentence);
  }
});
