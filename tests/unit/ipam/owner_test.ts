import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checkOwner,
  describeOwnerFault,
  keyWords,
  LONGEST_OWNER,
  ownerKey,
} from "../../../src/ipam/owner.ts";

const printable = Array.from(
  { length: 94 },
  (_, at) => String.fromCharCode(33 + at),
);

Deno.test("1 to 128 printable ASCII characters without spaces are an owner", () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom(...printable),
        minLength: 1,
        maxLength: LONGEST_OWNER,
      }),
      (text) => assert.deepEqual(checkOwner(text), { ok: true, value: text }),
    ),
  );
});

Deno.test("one character of any other kind, wherever it stands, is no owner", () => {
  const odd = fc.string({ unit: "binary", minLength: 1, maxLength: 2 })
    .filter((text) => !/[!-~]/.test(text));
  fc.assert(
    fc.property(odd, fc.nat({ max: 20 }), (character, at) => {
      const text = "container-0123456789".slice(0, at) + character +
        "container-0123456789".slice(at);
      assert.equal(checkOwner(text).ok, false);
    }),
  );
});

for (const text of ["", "a".repeat(129), "a b", "a\n", "\na", "ä", "a\u2028", "😀"]) {
  Deno.test(`no owner: ${JSON.stringify(text.slice(0, 10))} of length ${text.length}`, () => {
    assert.deepEqual(checkOwner(text), { ok: false, fault: { kind: "owner", text } });
  });
}

Deno.test("what is no owner is told quoted and cut", () => {
  assert.equal(
    describeOwnerFault({ kind: "owner", text: "a\n" }),
    'Invalid owner: "a\\n"; use 1 to 128 printable ASCII characters without spaces',
  );
  assert.match(
    describeOwnerFault({ kind: "owner", text: "a".repeat(129) }),
    /^Invalid owner: "a{64}…"; /,
  );
});

Deno.test("a key has the six words that it was made of", () => {
  const word = fc.oneof(
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1),
  );
  fc.assert(
    fc.property(fc.array(word, { minLength: 6, maxLength: 6 }), (words) => {
      assert.deepEqual(keyWords(ownerKey(words)), words);
      assert.match(ownerKey(words), /^[0-9a-f]{48}$/);
    }),
  );
});
