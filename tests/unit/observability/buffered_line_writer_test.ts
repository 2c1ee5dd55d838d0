import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type ByteWriter,
  createBufferedLineWriter,
  writeAll,
  writeLine,
} from "../../../src/observability/buffered_line_writer.ts";
import { bounded } from "../../support/suite.ts";
import { until } from "../../support/wait.ts";

/** An output that takes a limited number of bytes per write, and can be stalled. */
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

Deno.test("BufferedLineWriter writes a burst of lines in order and in one write", async () => {
  const reader = new Reader();
  const writer = createBufferedLineWriter(reader, { bytes: 1000 });
  for (const line of ["a", "b", "", "c"]) writer.write(line);
  await writer.flush();
  assert.equal(reader.text, "a\nb\n\nc\n");
  assert.equal(reader.writes, 1);
});

Deno.test("BufferedLineWriter writes every byte once to an output that takes three at a time", async () => {
  const reader = new Reader(3);
  const writer = createBufferedLineWriter(reader, { bytes: 1000 });
  writer.write("0123456789");
  writer.write("abcdef");
  await writer.flush();
  assert.equal(reader.text, "0123456789\nabcdef\n");
});

Deno.test("BufferedLineWriter drops lines if its buffer is full, and writes their number in their place", async () => {
  const reader = new Reader();
  reader.stall();
  const writer = createBufferedLineWriter(
    reader,
    { bytes: 40, describeDrop: (count) => `lost ${count}` },
  );
  for (let n = 10; n < 40; n += 1) writer.write(`line ${n}`);
  assert.equal(writer.dropped, 25);
  reader.resume();
  await writer.flush();
  writer.write("after");
  await writer.flush();
  const kept = [10, 11, 12, 13, 14].map((n) => `line ${n}\n`).join("");
  assert.equal(reader.text, `${kept}lost 25\nafter\n`);
  assert.equal(writer.dropped, 25);
});

Deno.test("BufferedLineWriter limits bytes of UTF-8, not characters", async () => {
  const reader = new Reader();
  const writer = createBufferedLineWriter(reader, {
    bytes: 11,
    describeDrop: (count) => `${count}`,
  });
  writer.write("é€😀"); // 2 + 3 + 4 bytes and the line feed
  assert.equal(writer.dropped, 0);
  writer.write("x");
  assert.equal(writer.dropped, 1);
  await writer.flush();
  assert.equal(reader.text, "é€😀\n1\n");
});

Deno.test("BufferedLineWriter drops a line that is longer than its buffer and writes the next one", async () => {
  const reader = new Reader();
  const writer = createBufferedLineWriter(
    reader,
    { bytes: 20, describeDrop: (count) => `lost ${count}` },
  );
  writer.write("x".repeat(100));
  writer.write("short");
  await writer.flush();
  assert.equal(reader.text, "lost 1\nshort\n");
});

Deno.test("BufferedLineWriter loses lines while its output fails, and continues when it recovers", async () => {
  let gone = true;
  const reader = new Reader();
  const out: ByteWriter = {
    write: (bytes) =>
      gone ? Promise.reject(new Deno.errors.BrokenPipe()) : reader.write(bytes),
  };
  const writer = createBufferedLineWriter(
    out,
    { bytes: 1000, describeDrop: (count) => `lost ${count}` },
  );
  writer.write("one");
  writer.write("two");
  await writer.flush();
  assert.equal(writer.dropped, 2);
  gone = false;
  writer.write("three");
  await writer.flush();
  assert.equal(reader.text, "lost 2\nthree\n");
});

/** A disk that behaves as `turns` say, write by write, and then has no more faults. */
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

/** How many bytes the disk takes, at least one, or why it takes none. */
type Turn = number | "all" | "full" | "busy";

Deno.test("BufferedLineWriter writes each line completely and in order, or counts it as lost in its place", async () => {
  const turn: fc.Arbitrary<Turn> = fc.oneof(
    fc.constantFrom<Turn>("all", "full", "full"),
    fc.integer({ min: 1, max: 40 }),
  );
  const bursts = fc.array(fc.array(fc.string({ maxLength: 30 }), { maxLength: 8 }), {
    maxLength: 6,
  });
  let gaps = 0;
  let partial = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(turn, { maxLength: 20 }),
      bursts,
      async (turns, texts) => {
        const disk = diskOf(turns);
        const writer = createBufferedLineWriter(
          disk,
          { bytes: 150, describeDrop: (count) => `lost ${count};` },
        );
        let sent = 0;
        for (const burst of texts) {
          for (const text of burst) {
            writer.write(`${sent}:${text.replaceAll(/[;\n]/g, "é")};`);
            sent += 1;
          }
          await writer.flush();
        }
        disk.heal();
        writer.write(`${sent}:the last one;`);
        await writer.flush();

        let next = 0;
        for (const line of disk.text.split("\n")) {
          const lost = /^lost (\d+);$/.exec(line)?.[1];
          const whole = /^(\d+):.*;$/s.exec(line)?.[1];
          if (lost !== undefined) {
            next += Number(lost);
            gaps += 1;
          } else if (whole !== undefined) {
            assert.equal(Number(whole), next, disk.text);
            next += 1;
          } else if (line !== "") {
            assert.ok(!line.includes(";"), `two lines in one: ${line}`);
            partial += 1;
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
  assert.ok(gaps > 0 && partial > 0, `${gaps} gaps and ${partial} partial lines`);
});

Deno.test("BufferedLineWriter loses nothing while a pipe is full", async () => {
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
  const writer = createBufferedLineWriter(out, { bytes: 1000 });
  writer.write("patient");
  await writer.flush();
  assert.equal(reader.text, "patient\n");
  assert.equal(writer.dropped, 0);
});

Deno.test("flush waits at most about a second for a reader that does not read", async () => {
  const reader = new Reader();
  reader.stall();
  const writer = createBufferedLineWriter(reader, { bytes: 1000 });
  writer.write("unread");
  const began = performance.now();
  await writer.flush();
  const took = performance.now() - began;
  assert.ok(took > 900 && took < 3000, `flush took ${took} ms`);
  reader.resume();
  await writer.flush();
  assert.equal(reader.text, "unread\n");
});

Deno.test("abandon counts every line that is not written as lost, once, and a line in flight may be written nevertheless", async () => {
  const reader = new Reader(10);
  const losses: [number, string][] = [];
  const writer = createBufferedLineWriter(reader, {
    bytes: 1000,
    describeDrop: (count) => `lost ${count}`,
    onDrop: (count, why) => losses.push([count, why]),
  });
  writer.write("first");
  await writer.flush();
  writer.abandon();
  assert.deepEqual(losses, []);
  reader.stall();
  writer.write("second");
  const flushed = writer.flush();
  await until(() => reader.writes === 2, { what: "the write of the second line" });
  for (const line of ["third", "fourth"]) writer.write(line);
  writer.abandon();
  writer.abandon();
  assert.deepEqual(losses, [[3, "no process read them in time"]]);
  assert.deepEqual([writer.written, writer.dropped], [1, 3]);
  reader.resume();
  await flushed;
  assert.equal(reader.text, "first\nsecond\nlost 3\n");
  assert.deepEqual([writer.written, writer.dropped], [1, 3]);
});

Deno.test("writeLine writes a line of any length", async () => {
  const reader = new Reader(1000);
  await writeLine(reader, "x".repeat(200_000));
  assert.equal(reader.text, "x".repeat(200_000) + "\n");
});

Deno.test("writeAll waits for a slow reader without a timeout, unlike writeLine", async () => {
  const reader = new Reader(1000);
  reader.stall();
  let ended = false;
  const written = writeAll(reader, "x".repeat(200_000)).finally(() => ended = true);
  await writeLine(reader, "late");
  assert.equal(ended, false);
  reader.resume();
  assert.deepEqual(await written, { kind: "written" });
  assert.equal(reader.text.replace("late\n", ""), "x".repeat(200_000));
});

Deno.test("writeAll waits while a pipe is full, and tells whether the reader has left or the write failed", async () => {
  const reader = new Reader(3);
  const faults = [new Deno.errors.WouldBlock(), new Deno.errors.Interrupted()];
  const busy: ByteWriter = {
    write: (bytes) => {
      const fault = faults.pop();
      return fault === undefined ? reader.write(bytes) : Promise.reject(fault);
    },
  };
  assert.deepEqual(await writeAll(busy, "0123456789"), { kind: "written" });
  assert.equal(reader.text, "0123456789");
  const gone = { write: () => Promise.reject(new Deno.errors.BrokenPipe()) };
  assert.deepEqual(await writeAll(gone, "x"), { kind: "reader-gone" });
  const full = { write: () => Promise.reject(new Error("No space left on device")) };
  assert.deepEqual(await writeAll(full, "x"), {
    kind: "failed",
    why: "No space left on device",
  });
});
