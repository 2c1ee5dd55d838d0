import assert from "node:assert/strict";
import { LatestValueStream } from "../../../src/api/latest_value_stream.ts";
import { until } from "../../support/wait.ts";

/** A stream whose messages leave when the test calls leave(). */
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

/** The latest value that was set, until it is taken. */
function latestValue() {
  let latest: string | undefined;
  return {
    set: (text: string) => latest = text,
    take: () => {
      const taken = latest;
      latest = undefined;
      return taken;
    },
  };
}

Deno.test("LatestValueStream writes one message at a time, and then only the latest", () => {
  const stream = slowStream();
  const { set, take } = latestValue();
  const writer = new LatestValueStream(stream, take);
  writer.wake();
  assert.deepEqual(stream.messages, []);
  for (const text of ["a", "b", "c"]) {
    set(text);
    writer.wake();
  }
  assert.deepEqual(stream.messages, ["a"]);
  stream.leave();
  assert.deepEqual(stream.messages, ["a", "c"]);
  stream.leave();
  assert.deepEqual(stream.messages, ["a", "c"]);
  set("d");
  writer.wake();
  assert.deepEqual(stream.messages, ["a", "c", "d"]);
});

Deno.test("LatestValueStream with an interval waits after each message, and then writes the latest", async () => {
  const stream = slowStream();
  const { set, take } = latestValue();
  const writer = new LatestValueStream(stream, take, 30);
  set("a");
  writer.wake();
  const began = performance.now();
  stream.leave();
  for (const text of ["b", "c"]) {
    set(text);
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
  const { set, take } = latestValue();
  const writer = new LatestValueStream(stream, take);
  set("a");
  writer.wake();
  set("b");
  writer.finish();
  stream.leave();
  stream.leave();
  set("c");
  writer.wake();
  assert.deepEqual(stream.messages, ["a", "b"]);
});
