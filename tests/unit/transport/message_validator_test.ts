import assert from "node:assert/strict";
import fc from "fast-check";
import { MessageValidator } from "../../../src/transport/message_validator.ts";

interface Message {
  readonly flag: number;
  readonly body: readonly number[];
}

const bodies = fc.array(fc.nat(255), { maxLength: 300, size: "max" });
const plain: fc.Arbitrary<Message> = bodies.map((body) => ({ flag: 0, body }));
const compressed: fc.Arbitrary<Message> = bodies.map((body) => ({ flag: 1, body }));

/** Length-Prefixed-Message of PROTOCOL-HTTP2.md. */
function frame({ body, flag }: Message): readonly number[] {
  return [flag, 0, 0, body.length >> 8, body.length & 255, ...body];
}

/** What is found when the bytes come in pieces of these sizes, over and over. */
function faultIn(
  encoding: string,
  bytes: readonly number[],
  sizes: readonly number[],
): string | undefined {
  const validator = new MessageValidator(encoding);
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    const fault = validator.receive(Uint8Array.from(bytes.slice(at, at + size)));
    if (fault !== undefined) return fault;
    at += size;
  }
  return validator.end();
}

const pieces = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 });

Deno.test("MessageValidator accepts every sequence of messages, in any pieces", () => {
  fc.assert(fc.property(fc.array(plain), pieces, (messages, sizes) => {
    const bytes = messages.flatMap(frame);
    assert.equal(faultIn("identity", bytes, sizes), undefined);
    assert.equal(faultIn("gzip", bytes, sizes), undefined);
  }));
  const mixed = fc.array(fc.oneof(plain, compressed));
  fc.assert(fc.property(mixed, pieces, (messages, sizes) => {
    assert.equal(faultIn("gzip", messages.flatMap(frame), sizes), undefined);
  }));
});

Deno.test("MessageValidator rejects a compressed message without an encoding", () => {
  fc.assert(fc.property(fc.array(plain), compressed, pieces, (before, last, sizes) => {
    const bytes = [...before, last].flatMap(frame);
    assert.match(
      faultIn("identity", bytes, sizes) ?? "",
      /^The compressed flag of a message is set, but /,
    );
  }));
});

Deno.test("MessageValidator rejects a flag other than 0 and 1, whatever the encoding", () => {
  for (let flag = 2; flag < 256; flag += 1) {
    for (const encoding of ["identity", "gzip"]) {
      const fault = faultIn(encoding, frame({ flag, body: [] }), [100]);
      assert.equal(fault, `Invalid compressed flag ${flag} of a message; use 0 or 1`);
    }
  }
});

Deno.test("MessageValidator rejects an end in the middle of a message", () => {
  fc.assert(
    fc.property(fc.array(plain), plain, pieces, (before, last, sizes) => {
      const whole = before.flatMap(frame);
      const cut = frame(last);
      for (let length = 1; length < cut.length; length += 1) {
        assert.equal(
          faultIn("identity", [...whole, ...cut.slice(0, length)], sizes),
          "The request ends in the middle of a message",
        );
      }
    }),
    { numRuns: 20 },
  );
});
