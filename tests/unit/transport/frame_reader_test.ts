import assert from "node:assert/strict";
import fc from "fast-check";
import {
  countHeadersFrames,
  FrameReader,
} from "../../../src/transport/frame_reader.ts";
import {
  type Bytes,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  HEADERS,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from "../../chaos/http2_frames.ts";

const PADDED = 0x8;
const PRIORITY = 0x20;

/** A reader, and what it has reported, a line each. */
function open(mayBeginCall: () => boolean = () => true) {
  const reported: string[] = [];
  const reader = new FrameReader({
    mayBeginCall,
    onFrame: ({ length, stream, type }) =>
      reported.push(`frame ${type} ${stream} ${length}`),
    onData: ({ length, stream }, messages) =>
      reported.push(`data ${stream} ${length} ${messages}`),
    onHeaderBlock: (block) => reported.push(`headers ${block ?? "too long"}`),
    onMessage: (bytes, number) => reported.push(`message ${number} ${bytes}`),
    onWindowUpdate: (stream, bytes) => reported.push(`window ${stream} ${bytes}`),
    onInitialWindowSize: (bytes) => reported.push(`initial ${bytes}`),
  });
  return { reader, reported };
}

/** Reads octets in parts; what was not read comes again with the next part. */
function readAll(reader: FrameReader, octets: Bytes, cuts: readonly number[]): void {
  const ends = [...cuts.map((cut) => cut % (octets.length + 1)), octets.length]
    .toSorted((one, other) => one - other);
  let rest: Bytes = [];
  let at = 0;
  for (const end of ends) {
    rest = [...rest, ...octets.slice(at, end)];
    at = end;
    rest = rest.slice(reader.read(new Uint8Array(rest)));
  }
  assert.deepEqual(rest, []);
}

const message = (length: number): Bytes => [
  ...[0, 0, 0, length >> 8, length & 255],
  ...Array<number>(length).fill(7),
];

const CONVERSATION: Bytes = [
  ...frame(SETTINGS, 0, 0, [0, 3, 0, 0, 0, 9, 0, 4, 0, 1, 0, 2]),
  ...frame(HEADERS, END_HEADERS, 1, [1, 2, 3]),
  ...frame(DATA, 0, 1, message(300)),
  ...frame(DATA, PADDED, 1, [4, ...message(2), 0, 0, 0, 0]),
  ...frame(DATA, 0, 1, message(9).slice(0, 3)),
  ...frame(DATA, END_STREAM, 1, message(9).slice(3)),
  ...frame(HEADERS, PADDED | PRIORITY, 3, [2, 0, 0, 0, 0, 9, 4, 5, 0, 0]),
  ...frame(CONTINUATION, 0, 3, [6]),
  ...frame(CONTINUATION, END_HEADERS, 3, []),
  ...frame(WINDOW_UPDATE, 0, 3, [0x80, 0, 1, 0]),
  ...frame(RST_STREAM, 0, 3, [0, 0, 0, 8]),
  ...frame(DATA, 0, 3, message(1)),
  ...frame(0x42, 0xff, 0x7fff_ffff, []),
];

const REPORTED = [
  `frame ${SETTINGS} 0 12`,
  "initial 65538",
  `frame ${HEADERS} 1 3`,
  "headers 1,2,3",
  "message 1 300",
  "data 1 305 1",
  "message 2 2",
  "data 1 12 1",
  "data 1 3 0",
  "message 3 9",
  "data 1 11 1",
  `frame ${HEADERS} 3 10`,
  `frame ${CONTINUATION} 3 1`,
  `frame ${CONTINUATION} 3 0`,
  "headers 4,5,6",
  `frame ${WINDOW_UPDATE} 3 4`,
  "window 3 256",
  `frame ${RST_STREAM} 3 4`,
  "data 3 6 0",
  `frame ${0x42} ${0x7fff_ffff} 0`,
];

Deno.test("FrameReader reads the same frames in whatever chunks they come", () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), (cuts) => {
      const { reader, reported } = open();
      readAll(reader, CONVERSATION, cuts);
      assert.deepEqual(reported, REPORTED);
      assert.equal(reader.unfinishedBytes, 0);
    }),
  );
});

Deno.test("FrameReader neither throws nor buffers more than it gets, whatever the octets", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), (octets) => {
      const { reader } = open();
      const read = reader.read(octets);
      assert.ok(read <= octets.length);
      assert.ok(reader.unfinishedBytes >= 0 && reader.unfinishedBytes <= octets.length);
    }),
  );
});

Deno.test("FrameReader reads neither a call that may not begin nor anything after it", () => {
  const answers = [true, false, false, true];
  const { reader, reported } = open(() => answers.shift() ?? true);
  const first = frame(HEADERS, END_HEADERS | END_STREAM, 1, [1]);
  const second = frame(HEADERS, END_HEADERS, 3, [2]);
  const trailers = frame(HEADERS, END_HEADERS | END_STREAM, 3, [3]);
  const all = new Uint8Array([...first, ...second, ...trailers]);
  assert.equal(reader.read(all), first.length);
  assert.equal(reader.read(all.subarray(first.length)), 0);
  // Trailers are no new call, so the listener is not asked.
  assert.equal(
    reader.read(all.subarray(first.length)),
    second.length + trailers.length,
  );
  assert.deepEqual(reported.filter((line) => line.startsWith("headers")), [
    "headers 1",
    "headers 2",
    "headers 3",
  ]);
});

Deno.test("FrameReader counts the octets of a request until its end, its reset or its answer", () => {
  const ends: readonly ((reader: FrameReader) => void)[] = [
    (reader) => reader.read(new Uint8Array(frame(DATA, END_STREAM, 1, []))),
    (reader) => reader.read(new Uint8Array(frame(RST_STREAM, 0, 1, [0, 0, 0, 8]))),
    (reader) => reader.forget(1),
  ];
  for (const end of ends) {
    const { reader } = open();
    reader.read(
      new Uint8Array([
        ...frame(HEADERS, END_HEADERS, 1, [1]),
        ...frame(DATA, 0, 1, message(500).slice(0, 400)),
      ]),
    );
    assert.equal(reader.unfinishedBytes, 400);
    end(reader);
    assert.equal(reader.unfinishedBytes, 0);
  }
});

Deno.test("FrameReader reports a header block beyond 64 KiB as too long, and does not buffer it", () => {
  const { reader, reported } = open();
  reader.read(new Uint8Array(frame(HEADERS, 0, 1, [1])));
  for (let each = 0; each < 5; each += 1) {
    reader.read(new Uint8Array(frame(CONTINUATION, 0, 1, Array(16_000).fill(1))));
  }
  reader.read(new Uint8Array(frame(CONTINUATION, END_HEADERS, 1, [])));
  assert.equal(reported.at(-1), "headers too long");
});

Deno.test("countHeadersFrames counts calls, also if the last one is incomplete", () => {
  const calls = [1, 3, 5].flatMap((stream) => [
    ...frame(HEADERS, END_HEADERS, stream, [1, 1, 1]),
    ...frame(DATA, END_STREAM, stream, [1, 1, 1, 1]),
  ]);
  assert.equal(countHeadersFrames(new Uint8Array(calls)), 3);
  assert.equal(countHeadersFrames(new Uint8Array(calls.slice(0, -10))), 3);
  assert.equal(countHeadersFrames(new Uint8Array(calls.slice(0, 5))), 0);
});

Deno.test("FrameReader retains a header block until it is complete, and not if it can never be", () => {
  const { reader } = open();
  const begun = frame(HEADERS, 0, 1, [1, 2]);
  reader.read(new Uint8Array([...frame(SETTINGS, 0, 0, []), ...begun.slice(0, 10)]));
  assert.equal(reader.blockOctets, 10);
  reader.read(new Uint8Array(begun.slice(10)));
  assert.equal(reader.blockOctets, begun.length);
  reader.read(new Uint8Array(frame(CONTINUATION, END_HEADERS, 1, [3])));
  assert.equal(reader.blockOctets, 0);
  for (const other of [frame(SETTINGS, 0, 0, []), frame(CONTINUATION, 0, 5, [1])]) {
    reader.read(new Uint8Array(frame(HEADERS, 0, 3, [1])));
    reader.read(new Uint8Array(other));
    assert.equal(reader.blockOctets, 0);
  }
});
