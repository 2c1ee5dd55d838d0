import assert from "node:assert/strict";
import fc from "fast-check";
import {
  describeOwnerFault,
  MAX_OWNER_LENGTH,
  ownerKey,
  ownerKeyWords,
  parseOwner,
} from "../../../src/ipam/owner.ts";

const printable = Array.from(
  { length: 94 },
  (_, at) => String.fromCharCode(33 + at),
);

Deno.test("parseOwner accepts 1 to 128 printable ASCII characters without spaces", () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom(...printable),
        minLength: 1,
        maxLength: MAX_OWNER_LENGTH,
      }),
      (text) => assert.deepEqual(parseOwner(text), { ok: true, value: text }),
    ),
  );
});

Deno.test("parseOwner rejects any other character at any position", () => {
  const odd = fc.string({ unit: "binary", minLength: 1, maxLength: 2 })
    .filter((text) => !/[!-~]/.test(text));
  fc.assert(
    fc.property(odd, fc.nat({ max: 20 }), (character, at) => {
      const text = "container-0123456789".slice(0, at) + character +
        "container-0123456789".slice(at);
      assert.equal(parseOwner(text).ok, false);
    }),
  );
});

for (const text of ["", "a".repeat(129), "a b", "a\n", "\na", "ä", "a\u2028", "😀"]) {
  Deno.test(`parseOwner rejects ${JSON.stringify(text.slice(0, 10))} of length ${text.length}`, () => {
    assert.deepEqual(parseOwner(text), { ok: false, fault: { kind: "owner", text } });
  });
}

Deno.test("describeOwnerFault quotes the text and cuts it", () => {
  assert.equal(
    describeOwnerFault({ kind: "owner", text: "a\n" }),
    'Invalid owner: "a\\n"; use 1 to 128 printable ASCII characters without spaces',
  );
  assert.match(
    describeOwnerFault({ kind: "owner", text: "a".repeat(129) }),
    /^Invalid owner: "a{64}…"; /,
  );
});

Deno.test("ownerKeyWords returns the six words of which ownerKey made the key", () => {
  const word = fc.oneof(
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1),
  );
  fc.assert(
    fc.property(fc.array(word, { minLength: 6, maxLength: 6 }), (words) => {
      assert.deepEqual(ownerKeyWords(ownerKey(words)), words);
      assert.match(ownerKey(words), /^[0-9a-f]{48}$/);
    }),
  );
});
