import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type ByteWriter,
  createLineSink,
  writeLine,
  writeWhole,
} from "../../../src/observability/line_writer.ts";
import { bounded } from "../../support/suite.ts";

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

/** A disk that is full at times: what it does with each write in turn, then all is well. */
function diskOf(turns: readonly Turn[]) {
  const left = [...turns];
  let text = "";
  const decoder = new TextDecoder();
  const write = (bytes: Uint8Array): Promise<number> => {
    const turn = left.shift() ?? "all";
    if (turn === "full") return Promise.reject(new Error("No space left on device"));
    if (turn === "busy") return Promise.reject(new Deno.errors.WouldBlock());
    const taken = bytes.subarray(0, turn === "all" ? bytes.length : turn);
    text += decoder.decode(taken, { stream: true });
    return Promise.resolve(taken.length);
  };
  return {
    write,
    get text(): string {
      return text;
    },
    heal: (): void => void left.splice(0),
  };
}

/** The bytes it takes, at least one, or what it says in place of taking any. */
type Turn = number | "all" | "full" | "busy";

Deno.test("whatever the disk takes, each line is there whole and in order, or told as lost at its place", async () => {
  const turn: fc.Arbitrary<Turn> = fc.oneof(
    fc.constantFrom<Turn>("all", "full", "full"),
    fc.integer({ min: 1, max: 40 }),
  );
  const bursts = fc.array(fc.array(fc.string({ maxLength: 30 }), { maxLength: 8 }), {
    maxLength: 6,
  });
  let gaps = 0;
  let torn = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(turn, { maxLength: 20 }),
      bursts,
      async (turns, texts) => {
        const disk = diskOf(turns);
        const sink = createLineSink(disk, { bytes: 150 }, (count) => `lost ${count};`);
        let sent = 0;
        for (const burst of texts) {
          for (const text of burst) {
            sink.write(`${sent}:${text.replaceAll(/[;\n]/g, "é")};`);
            sent += 1;
          }
          await sink.flush();
        }
        disk.heal();
        sink.write(`${sent}:the last one;`);
        await sink.flush();

        let next = 0;
        for (const line of disk.text.split("\n")) {
          const told = /^lost (\d+);$/.exec(line)?.[1];
          const whole = /^(\d+):.*;$/s.exec(line)?.[1];
          if (told !== undefined) {
            next += Number(told);
            gaps += 1;
          } else if (whole !== undefined) {
            assert.equal(Number(whole), next, disk.text);
            next += 1;
          } else if (line !== "") {
            assert.ok(!line.includes(";"), `two lines in one: ${line}`);
            torn += 1;
          }
        }
        assert.equal(next, sent + 1, disk.text);
        assert.ok(disk.text.endsWith("\n"));
      },
    ),
    {
      numRuns: bounded(400, 60),
      // Cut off in a line, and before its line feed only.
      examples: [[[5, "full"], [["torn"]]], [[7, "full", "full"], [["whole"]]]],
    },
  );
  assert.ok(gaps > 0 && torn > 0, `${gaps} gaps and ${torn} torn lines`);
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
