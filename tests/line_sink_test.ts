import assert from "node:assert/strict";
import {
  type ByteWriter,
  createLineSink,
  writeLine,
  writeWhole,
} from "../src/line_sink.ts";

/** A writer that keeps what it gets, a piece at a time and only while it is let. */
class Reader implements ByteWriter {
  text = "";
  writes = 0;
  #gate = Promise.resolve();
  #open = () => {};
  readonly #piece: number;

  constructor(piece = Infinity) {
    this.#piece = piece;
  }

  stall(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    this.#open = resolve;
  }

  resume(): void {
    this.#open();
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.writes += 1;
    await this.#gate;
    const taken = bytes.subarray(0, this.#piece);
    this.text += new TextDecoder().decode(taken);
    return taken.length;
  }
}

Deno.test("lines come out in order, each ended by a line feed, a burst in one write", async () => {
  const reader = new Reader();
  const sink = createLineSink(reader, { bytes: 1000 });
  for (const line of ["a", "b", "", "c"]) sink.write(line);
  await sink.flush();
  assert.equal(reader.text, "a\nb\n\nc\n");
  assert.equal(reader.writes, 1);
});

Deno.test("a writer that takes three bytes at a time gets every byte once", async () => {
  const reader = new Reader(3);
  const sink = createLineSink(reader, { bytes: 1000 });
  sink.write("0123456789");
  sink.write("abcdef");
  await sink.flush();
  assert.equal(reader.text, "0123456789\nabcdef\n");
});

Deno.test("what does not fit is dropped, counted, and told at its place in one line", async () => {
  const reader = new Reader();
  reader.stall();
  const sink = createLineSink(reader, { bytes: 40 }, (count) => `lost ${count}`);
  for (let n = 10; n < 40; n += 1) sink.write(`line ${n}`);
  assert.equal(sink.dropped, 25);
  reader.resume();
  await sink.flush();
  sink.write("after");
  await sink.flush();
  const kept = [10, 11, 12, 13, 14].map((n) => `line ${n}\n`).join("");
  assert.equal(reader.text, `${kept}lost 25\nafter\n`);
  assert.equal(sink.dropped, 25);
});

Deno.test("a limit counts bytes of UTF-8, not characters", async () => {
  const reader = new Reader();
  const sink = createLineSink(reader, { bytes: 11 }, (count) => `${count}`);
  sink.write("é€😀"); // 2 + 3 + 4 bytes and the line feed
  assert.equal(sink.dropped, 0);
  sink.write("x");
  assert.equal(sink.dropped, 1);
  await sink.flush();
  assert.equal(reader.text, "é€😀\n1\n");
});

Deno.test("a line that could never fit is dropped and the next one is taken", async () => {
  const reader = new Reader();
  const sink = createLineSink(reader, { bytes: 20 }, (count) => `lost ${count}`);
  sink.write("x".repeat(100));
  sink.write("short");
  await sink.flush();
  assert.equal(reader.text, "lost 1\nshort\n");
});

Deno.test("a reader that has gone costs lines, not the process, and may come back", async () => {
  let gone = true;
  const reader = new Reader();
  const out: ByteWriter = {
    write: (bytes) =>
      gone ? Promise.reject(new Deno.errors.BrokenPipe()) : reader.write(bytes),
  };
  const sink = createLineSink(out, { bytes: 1000 }, (count) => `lost ${count}`);
  sink.write("one");
  sink.write("two");
  await sink.flush();
  assert.equal(sink.dropped, 2);
  gone = false;
  sink.write("three");
  await sink.flush();
  assert.equal(reader.text, "lost 2\nthree\n");
});

Deno.test("a pipe that is full for the moment loses nothing", async () => {
  let refusals = 3;
  const reader = new Reader();
  const out: ByteWriter = {
    write(bytes) {
      refusals -= 1;
      return refusals >= 0
        ? Promise.reject(new Deno.errors.WouldBlock())
        : reader.write(bytes);
    },
  };
  const sink = createLineSink(out, { bytes: 1000 });
  sink.write("patient");
  await sink.flush();
  assert.equal(reader.text, "patient\n");
  assert.equal(sink.dropped, 0);
});

Deno.test("flush waits about a second for a reader that does not read, no longer", async () => {
  const reader = new Reader();
  reader.stall();
  const sink = createLineSink(reader, { bytes: 1000 });
  sink.write("unread");
  const began = performance.now();
  await sink.flush();
  const took = performance.now() - began;
  assert.ok(took > 900 && took < 3000, `flush took ${took} ms`);
  reader.resume();
  await sink.flush();
  assert.equal(reader.text, "unread\n");
});

Deno.test("writeLine writes one line however long", async () => {
  const reader = new Reader(1000);
  await writeLine(reader, "x".repeat(200_000));
  assert.equal(reader.text, "x".repeat(200_000) + "\n");
});

Deno.test("writeWhole waits for a slow reader as long as it takes, where writeLine gives up", async () => {
  const reader = new Reader(1000);
  reader.stall();
  let ended = false;
  const written = writeWhole(reader, "x".repeat(200_000)).finally(() => ended = true);
  await writeLine(reader, "late");
  assert.equal(ended, false);
  reader.resume();
  assert.equal(await written, true);
  assert.equal(reader.text.replace("late\n", ""), "x".repeat(200_000));
});

Deno.test("writeWhole outlasts a pipe that is full for the moment, and says when the reader has gone", async () => {
  const reader = new Reader(3);
  const faults = [new Deno.errors.WouldBlock(), new Deno.errors.Interrupted()];
  const busy: ByteWriter = {
    write: (bytes) => {
      const fault = faults.pop();
      return fault === undefined ? reader.write(bytes) : Promise.reject(fault);
    },
  };
  assert.equal(await writeWhole(busy, "0123456789"), true);
  assert.equal(reader.text, "0123456789");
  const gone = { write: () => Promise.reject(new Deno.errors.BrokenPipe()) };
  assert.equal(await writeWhole(gone, "x"), false);
});
