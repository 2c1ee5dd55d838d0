import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { combineAnswerWrites } from "../../../src/transport/answer_writes.ts";
import {
  type Bytes,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  PING,
  RST_STREAM,
  SETTINGS,
} from "../../chaos/http2_frames.ts";

const HEAD = frame(HEADERS, END_HEADERS, 1, [1, 2]);
const MESSAGE = frame(DATA, 0, 1, [0, 0, 0, 0, 0]);
const TRAILERS = frame(HEADERS, END_HEADERS | END_STREAM, 1, [3]);

/** A socket, and how many chunks each write to the system has had. */
function open() {
  const writes: number[] = [];
  const socket = new Writable({
    write: (_chunk, _encoding, done) => {
      writes.push(1);
      done();
    },
    writev: (chunks, done) => {
      writes.push(chunks.length);
      done();
    },
  });
  combineAnswerWrites(socket);
  const send = (octets: Bytes) => void socket.write(new Uint8Array(octets));
  return { send, writes };
}

Deno.test("combineAnswerWrites sends headers, messages and trailers in one write", () => {
  const { send, writes } = open();
  for (let call = 0; call < 3; call += 1) {
    for (const part of [HEAD, MESSAGE, MESSAGE, TRAILERS]) send(part);
  }
  assert.deepEqual(writes, [4, 4, 4]);
});

Deno.test("combineAnswerWrites sends an answer without trailers in the third turn of the loop, and later messages at once", async () => {
  const { send, writes } = open();
  send(HEAD);
  send(MESSAGE);
  for (let turns = 0; turns < 2; turns += 1) await turn();
  assert.deepEqual(writes, []);
  await turn();
  assert.deepEqual(writes, [2]);
  send(MESSAGE);
  assert.deepEqual(writes, [2, 1]);
});

Deno.test("combineAnswerWrites holds back no other frames", () => {
  for (const type of [SETTINGS, PING, RST_STREAM, GOAWAY]) {
    const { send, writes } = open();
    const other = frame(type, 0, 0, [0, 0, 0, 0]);
    send(other);
    send(TRAILERS);
    assert.deepEqual(writes, [1, 1]);
    send(HEAD);
    send(other);
    assert.deepEqual(writes, [1, 1, 2]);
  }
});
