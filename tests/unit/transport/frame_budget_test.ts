import assert from "node:assert/strict";
import { FrameBudget, type FrameFault } from "../../../src/transport/frame_budget.ts";
import {
  ACK,
  type Bytes,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  HEADERS,
  headersOf,
  literal,
  PING,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from "../../chaos/http2_frames.ts";

const REQUEST_BYTES = 16 * 1024;
const HEADER_BLOCK = headersOf("/quilt.QuiltRuntime/InjectRoute");

/** A budget by a clock that a test sets. */
function open() {
  let now = 0;
  const messages: number[] = [];
  const budget = new FrameBudget(REQUEST_BYTES, {
    mayBeginCall: () => true,
    onMessage: (bytes) => messages.push(bytes),
    onWindowUpdate: () => {},
    onInitialWindowSize: () => {},
  }, () => now);
  const send = (bytes: Bytes): FrameFault | undefined => {
    const octets = new Uint8Array(bytes);
    budget.receive(octets.length);
    budget.read(octets);
    return budget.fault;
  };
  return { budget, messages, send, wait: (ms: number) => void (now += ms) };
}

const call = (stream: number): Bytes => [
  ...frame(HEADERS, END_HEADERS, stream, HEADER_BLOCK),
  ...frame(DATA, END_STREAM, stream, [0, 0, 0, 0, 1, 7]),
];

/** Frames of which no library sends hundreds without a call. */
const USELESS: Readonly<Record<string, Bytes>> = {
  "PING": frame(PING, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]),
  "answers to pings that nobody sent": frame(PING, ACK, 0, [1, 2, 3, 4, 5, 6, 7, 8]),
  "SETTINGS": frame(SETTINGS, 0, 0, [0, 4, 0, 1, 0, 0]),
  "acknowledgements": frame(SETTINGS, ACK, 0, []),
  "WINDOW_UPDATE of a stream": frame(WINDOW_UPDATE, 0, 1, [0, 0, 0, 1]),
  "WINDOW_UPDATE of all": frame(WINDOW_UPDATE, 0, 0, [0, 0, 0, 1]),
  "PRIORITY": frame(2, 0, 3, [0, 0, 0, 0, 16]),
  "RST_STREAM": frame(RST_STREAM, 0, 1, [0, 0, 0, 8]),
  "GOAWAY": frame(7, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]),
  "frames of an unknown type": frame(0x42, 0, 0, []),
  "empty DATA": frame(DATA, 0, 1, []),
  "DATA of one octet": frame(DATA, 0, 1, [0]),
  "CONTINUATION": frame(CONTINUATION, 0, 1, []),
  "trailers": frame(HEADERS, END_HEADERS, 1, []),
};

for (const [what, bytes] of Object.entries(USELESS)) {
  Deno.test(`FrameBudget is exceeded by some hundreds of ${what}`, () => {
    const { send } = open();
    send(frame(HEADERS, END_HEADERS, 1, HEADER_BLOCK));
    for (let each = 0; each < 50; each += 1) assert.equal(send(bytes), undefined);
    let fault: FrameFault | undefined;
    for (let each = 0; each < 300 && fault === undefined; each += 1) {
      fault = send(bytes);
    }
    assert.equal(fault, "frames without calls");
  });
}

Deno.test("FrameBudget lets a client ping, acknowledge and update its windows at each call, for ever", () => {
  const { budget, send } = open();
  for (let stream = 1; stream < 200_001; stream += 2) {
    const fault = send([
      ...call(stream),
      ...frame(WINDOW_UPDATE, 0, 0, [0, 0, 0, 9]),
      ...frame(WINDOW_UPDATE, 0, stream, [0, 0, 0, 9]),
      ...frame(PING, 0, 0, [0, 0, 0, 0, 0, 0, 0, 1]),
    ]);
    budget.onAnswer(9);
    assert.equal(fault, undefined, `call ${stream}`);
  }
});

Deno.test("FrameBudget lets a client reset each of its calls, for ever", () => {
  const { send } = open();
  for (let stream = 1; stream < 64_000; stream += 2) {
    const fault = send([
      ...call(stream),
      ...frame(RST_STREAM, 0, stream, [0, 0, 0, 8]),
    ]);
    assert.equal(fault, undefined, `call ${stream}`);
  }
});

Deno.test("FrameBudget lets an idle client ping every second, for ever", () => {
  const { send, wait } = open();
  for (let second = 0; second < 100_000; second += 1) {
    wait(1_000);
    assert.equal(send(USELESS["PING"] ?? []), undefined);
  }
});

Deno.test("FrameBudget lets a client update its windows for each frame of an answer of 5 MB, and send 64 messages at once on one stream", () => {
  const { budget, send } = open();
  send(call(1));
  budget.onAnswer(5 * 2 ** 20);
  for (let each = 0; each < 5 * 2 ** 20 / 16_384; each += 1) {
    send(frame(WINDOW_UPDATE, 0, 0, [0, 0, 0x40, 0]));
    assert.equal(send(frame(WINDOW_UPDATE, 0, 1, [0, 0, 0x40, 0])), undefined);
  }
  const other = open();
  other.send(frame(HEADERS, END_HEADERS, 1, HEADER_BLOCK));
  for (let asked = 0; asked < 64; asked += 1) {
    assert.equal(other.send(frame(DATA, 0, 1, [0, 0, 0, 0, 1, 1])), undefined);
  }
});

Deno.test("FrameBudget lets a client send a message on one stream after each answer, for ever", () => {
  const { budget, send } = open();
  send(frame(HEADERS, END_HEADERS, 1, HEADER_BLOCK));
  for (let asked = 0; asked < 10_000; asked += 1) {
    assert.equal(send(frame(DATA, 0, 1, [0, 0, 0, 0, 1, 1])), undefined);
    budget.onAnswer(100);
  }
});

Deno.test("FrameBudget is exceeded by hundreds of messages at once on one stream, also in few frames", () => {
  const { send } = open();
  send(frame(HEADERS, END_HEADERS, 1, HEADER_BLOCK));
  const empty = Array<number>(5 * 1_000).fill(0);
  assert.equal(send(frame(DATA, 0, 1, empty)), "frames without calls");
});

Deno.test("FrameBudget lets the longest request come on each stream, and is exceeded by octets without end", () => {
  const { messages, send } = open();
  const longest = [0, 0, 0, 64, 0, ...Array<number>(REQUEST_BYTES).fill(0)];
  for (let stream = 1; stream < 401; stream += 2) {
    send(frame(HEADERS, END_HEADERS, stream, HEADER_BLOCK));
    assert.equal(send(frame(DATA, END_STREAM, stream, longest)), undefined);
  }
  assert.deepEqual(messages, Array(200).fill(REQUEST_BYTES));
  send(frame(HEADERS, END_HEADERS, 401, HEADER_BLOCK));
  let sent = 0;
  while (send(frame(DATA, 0, 401, Array<number>(16_000).fill(1))) === undefined) {
    sent += 16_000;
    assert.ok(sent < 2 ** 24, `${sent} octets`);
  }
});

Deno.test("FrameBudget is exceeded by headers that decode to more than 64 KiB, in however few octets and frames", () => {
  const large = [0x40, ...literal("x-large", "y".repeat(4_000)).slice(1)];
  const block = [...HEADER_BLOCK, ...large, ...Array<number>(15).fill(0x80 | 62)];
  const split = block.length - 5;
  const ways: readonly Bytes[] = [
    frame(HEADERS, END_HEADERS, 1, block),
    [
      ...frame(HEADERS, 0, 1, block.slice(0, split)),
      ...frame(CONTINUATION, END_HEADERS, 1, block.slice(split)),
    ],
  ];
  for (const bytes of ways) assert.equal(open().send(bytes), undefined);
  const more = [...block, 0x80 | 62];
  assert.equal(open().send(frame(HEADERS, END_HEADERS, 1, more)), "long headers");
});

Deno.test("FrameBudget reads nothing more once it is exceeded", () => {
  const { messages, send } = open();
  const flood = Array.from({ length: 400 }, () => USELESS["PING"] ?? []).flat();
  assert.equal(send([...flood, ...call(1)]), "frames without calls");
  assert.deepEqual(messages, []);
});
