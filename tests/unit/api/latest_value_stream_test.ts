import assert from "node:assert/strict";
import { LatestValueStream } from "../../../src/api/latest_value_stream.ts";
import { until } from "../../support/wait.ts";

/** A stream whose messages leave when the test says so. */
function slowStream() {
  const messages: string[] = [];
  const leaving: (() => void)[] = [];
  return {
    messages,
    write: (message: string, _: undefined, written: () => void) => {
      messages.push(message);
      leaving.push(written);
      return true;
    },
    leave: () => leaving.shift()?.(),
  };
}

/** What is to be said, until it is asked for. */
function news() {
  let newest: string | undefined;
  return {
    say: (text: string) => newest = text,
    next: () => {
      const now = newest;
      newest = undefined;
      return now;
    },
  };
}

Deno.test("LatestValueStream writes one message at a time, and then only the latest", () => {
  const stream = slowStream();
  const { next, say } = news();
  const writer = new LatestValueStream(stream, next);
  writer.wake();
  assert.deepEqual(stream.messages, []);
  for (const text of ["a", "b", "c"]) {
    say(text);
    writer.wake();
  }
  assert.deepEqual(stream.messages, ["a"]);
  stream.leave();
  assert.deepEqual(stream.messages, ["a", "c"]);
  stream.leave();
  assert.deepEqual(stream.messages, ["a", "c"]);
  say("d");
  writer.wake();
  assert.deepEqual(stream.messages, ["a", "c", "d"]);
});

Deno.test("LatestValueStream with an interval waits after each message, and then writes the latest", async () => {
  const stream = slowStream();
  const { next, say } = news();
  const writer = new LatestValueStream(stream, next, 30);
  say("a");
  writer.wake();
  const began = performance.now();
  stream.leave();
  for (const text of ["b", "c"]) {
    say(text);
    writer.wake();
  }
  assert.deepEqual(stream.messages, ["a"]);
  await until(() => stream.messages.length > 1, {
    what: "the next message",
    everyMs: 1,
  });
  assert.ok(performance.now() - began >= 25, "it did not wait");
  assert.deepEqual(stream.messages, ["a", "c"]);
});

Deno.test("LatestValueStream that is finished writes the message that is left, and no more", () => {
  const stream = slowStream();
  const { next, say } = news();
  const writer = new LatestValueStream(stream, next);
  say("a");
  writer.wake();
  say("b");
  writer.finish();
  stream.leave();
  stream.leave();
  say("c");
  writer.wake();
  assert.deepEqual(stream.messages, ["a", "b"]);
});
