import assert from "node:assert/strict";
import fc from "fast-check";
import { connect } from "node:http2";
import { duplexPair } from "node:stream";
import { HeaderListSizer } from "../../../src/transport/header_list_size.ts";
import {
  END_HEADERS,
  frameReader,
  HEADERS,
  literal,
} from "../../chaos/http2_frames.ts";

const PREFACE_BYTES = 24;

/** The header blocks that nghttp2 encodes, one for each list, in their order. */
async function encode(
  lists: readonly Readonly<Record<string, string>>[],
): Promise<readonly Uint8Array[]> {
  const [ours, theirs] = duplexPair();
  const blocks: Uint8Array[] = [];
  const whole = Promise.withResolvers<void>();
  const read = frameReader(({ flags, payload, type }) => {
    if (type !== HEADERS) return;
    assert.ok((flags & END_HEADERS) !== 0);
    // Without the priority that node:http2 may send.
    blocks.push((flags & 0x20) === 0 ? payload : payload.subarray(5));
    if (blocks.length === lists.length) whole.resolve();
  });
  let skipped = 0;
  theirs.on("data", (part: Uint8Array) => {
    const skip = Math.min(PREFACE_BYTES - skipped, part.length);
    skipped += skip;
    read(part.subarray(skip));
  });
  const session = connect("http://x", { createConnection: () => ours });
  session.on("error", () => {});
  for (const list of lists) {
    const stream = session.request({ ":method": "POST", ":path": "/a", ...list });
    stream.on("error", () => {});
    stream.end();
  }
  await whole.promise;
  session.destroy();
  return blocks;
}

/** RFC 9113, 6.5.2, with what node:http2 adds by itself. */
function sizeOf(list: Readonly<Record<string, string>>): number {
  const all = {
    ":method": "POST",
    ":path": "/a",
    ":scheme": "http",
    ":authority": "x",
    ...list,
  };
  return Object.entries(all).reduce(
    (size, [name, value]) => size + name.length + value.length + 32,
    0,
  );
}

const name = fc.stringMatching(/^x-[a-z]{1,12}$/);
const value = fc.oneof(
  fc.stringMatching(/^[!-~]{0,40}$/),
  fc.constantFrom("y".repeat(300), "0".repeat(900), "gzip"),
);
const list = fc.dictionary(name, value, { maxKeys: 12 });

Deno.test("HeaderListSizer computes at least the size of every list that nghttp2 encodes, and at most 1.6 times as much", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(list, { minLength: 1, maxLength: 8 }),
      async (lists) => {
        const sizer = new HeaderListSizer();
        const blocks = await encode(lists);
        for (const [at, block] of blocks.entries()) {
          const size = sizer.sizeOf(block);
          const actual = sizeOf(lists[at] ?? {});
          assert.ok(size >= actual && size <= 1.6 * actual, `${size} for ${actual}`);
        }
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("HeaderListSizer computes the size of a list of megabytes in a few octets", () => {
  const sizer = new HeaderListSizer();
  const entry = [0x40, ...literal("x-large", "y".repeat(4_000)).slice(1)];
  const each = 7 + 4_000 + 32;
  assert.equal(sizer.sizeOf(new Uint8Array(entry)), each);
  const bomb = new Uint8Array(16_000).fill(0x80 | 62);
  assert.equal(sizer.sizeOf(bomb), 16_000 * each);
});

Deno.test("HeaderListSizer finds an entry by its index until it is evicted", () => {
  const sizer = new HeaderListSizer();
  const add = (length: number) =>
    sizer.sizeOf(new Uint8Array([0x40, ...literal("n", "v".repeat(length)).slice(1)]));
  for (let length = 0; length < 100; length += 1) add(length);
  for (let length = 0; length < 66; length += 1) {
    const index = 62 + 99 - length;
    const encoded = index < 127 ? [0x80 | index] : [0xff, index - 127];
    assert.equal(sizer.sizeOf(new Uint8Array(encoded)), 1 + length + 32);
  }
});

Deno.test("HeaderListSizer returns Infinity for an invalid block, and throws for no octets", () => {
  const wrong: Readonly<Record<string, readonly number[]>> = {
    "an index of 0": [0x80],
    "an index beyond both tables": [0x80 | 70],
    "a name beyond both tables": [0x7f, 0x20, 1, 65],
    "a value that ends early": [0, 1, 65, 9, 65],
    "a name that ends early": [0, 5, 65],
    "an integer without an end": [0xff, 0xff, 0xff],
    "an integer that is beyond all numbers": [0xff, ...Array<number>(400).fill(0xff)],
  };
  for (const [what, octets] of Object.entries(wrong)) {
    assert.equal(new HeaderListSizer().sizeOf(new Uint8Array(octets)), Infinity, what);
  }
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300, size: "max" })), (blocks) => {
      const sizer = new HeaderListSizer();
      for (const block of blocks) assert.ok(sizer.sizeOf(block) >= 0);
    }),
  );
});
