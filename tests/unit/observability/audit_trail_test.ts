import assert from "node:assert/strict";
import fc from "fast-check";
import { AuditTrail } from "../../../src/observability/audit_trail.ts";
import { lostOf, readTrail, writtenOf } from "../../support/audit_chain.ts";
import { rustStdout } from "../../support/rust_stdout.ts";
import { bounded } from "../../support/suite.ts";

const START = { version: "0.1.0", options: ["--dry-run"], grants: ["run=ip"] };

/** A file descriptor that behaves as `turns` say, and then has no more faults. */
function descriptorOf(turns: readonly Turn[]) {
  const left = [...turns];
  const decoder = new TextDecoder();
  let text = "";
  return {
    take(bytes: Uint8Array): number {
      const turn = left.shift() ?? "all";
      if (turn === "full") throw new Error("No space left on device");
      const taken = bytes.subarray(0, turn === "all" ? bytes.length : turn);
      text += decoder.decode(taken, { stream: true });
      return taken.length;
    },
    get text(): string {
      return text;
    },
    heal: (): void => void left.splice(0),
  };
}

/** How many bytes it takes, at least one, or why it takes none. */
type Turn = number | "all" | "full";

/** A pipe that is never waited for, with so many bytes of room. */
function pipe() {
  const decoder = new TextDecoder();
  let room = 65_536;
  let text = "";
  return {
    take(bytes: Uint8Array): number {
      // pipe(7): at most PIPE_BUF bytes are written as a whole or not at all.
      if (room === 0 || (bytes.length <= 4096 && bytes.length > room)) {
        throw new Deno.errors.WouldBlock();
      }
      const taken = bytes.subarray(0, room);
      room -= taken.length;
      text += decoder.decode(taken, { stream: true });
      return taken.length;
    },
    get text(): string {
      return text;
    },
    read: (bytes: number): void => void (room = Math.min(65_536, room + bytes)),
  };
}

/** A record as the dataplane writes it, as far as the chain is concerned. */
function record(sequence: number, padding: number): string {
  return JSON.stringify({ time: "", sequence, words: "x".repeat(padding) });
}

/** Compares what an output got with what the trail says of it. */
function compare(trail: AuditTrail, text: string, sent: number): void {
  const read = readTrail(text);
  const lines = writtenOf(read);
  assert.deepEqual([trail.written, trail.dropped], [lines.length, lostOf(read)], text);
  assert.equal(trail.head, read.head);
  assert.equal(trail.written + trail.dropped, sent + 2);
  let next = 0;
  for (const { dropped, sequence } of read.records) {
    if (typeof dropped === "number") next += dropped;
    else assert.equal(sequence, next++, text);
  }
  const { time: _, ...end } = read.records.at(-1) ?? {};
  const { prev: __, ...others } = end;
  assert.deepEqual(others, {
    sequence: sent + 1,
    event: "end",
    reason: "SIGTERM",
    mutations: sent,
    lost: trail.dropped,
  });
}

/** The length of a record: more than is held back of a failed write, and less. */
const padding = fc.oneof(
  fc.integer({ min: 0, max: 700 }),
  fc.integer({ min: 1_100, max: 3_000 }),
);
const bursts = fc.array(fc.array(padding, { maxLength: 8 }), { maxLength: 6 });

Deno.test("AuditTrail is a whole chain, with true counts, whatever the disk under Deno.stdout does", async () => {
  const turn: fc.Arbitrary<Turn> = fc.oneof(
    fc.constantFrom<Turn>("all", "full", "full"),
    fc.integer({ min: 1, max: 3_000 }),
  );
  let ghosts = 0;
  let cut = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(turn, { maxLength: 20 }),
      bursts,
      async (turns, paddings) => {
        const descriptor = descriptorOf(turns);
        const losses: number[] = [];
        const trail = new AuditTrail(
          rustStdout((bytes) => descriptor.take(bytes)),
          (count) => losses.push(count),
        );
        trail.begin(START);
        let sent = 0;
        for (const burst of paddings) {
          for (const padding of burst) trail.write(record(sent += 1, padding));
          await trail.flush();
        }
        descriptor.heal();
        trail.end("SIGTERM");
        await trail.flush();
        compare(trail, descriptor.text, sent);
        assert.equal(losses.reduce((sum, count) => sum + count, 0), trail.dropped);
        const read = readTrail(descriptor.text);
        ghosts += read.ghosts;
        cut += read.cut;
      },
    ),
    {
      numRuns: bounded(150, 40),
      examples: [
        // A long record is cut off, and its end is never written.
        [[300, "full"], [[3_000, 1], [1]]],
        // The record of the gap itself is cut off, and its end is written later.
        [["all", "full", "all", 60, "full"], [[1], [1], [1]]],
        // Whole lines are held back.
        [[300, "full", "full"], [[1, 1, 1, 1, 1, 1, 1, 1], [1]]],
      ],
    },
  );
  assert.ok(ghosts > 0 && cut > 0, `${ghosts} ghosts and ${cut} cut lines`);
});

Deno.test("AuditTrail is a whole chain through a non-blocking pipe that is full again and again, and loses at most one batch", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 60_000 }), { maxLength: 10 }),
      async (reads) => {
        const through = pipe();
        const trail = new AuditTrail(
          rustStdout((bytes) => through.take(bytes)),
          () => {},
        );
        trail.begin(START);
        let sent = 0;
        for (const bytes of reads) {
          for (let at = 0; at < 100; at += 1) trail.write(record(sent += 1, 500));
          await new Promise((resolve) => setTimeout(resolve));
          through.read(bytes);
        }
        trail.end("SIGTERM");
        const flushed = trail.flush();
        const reading = setInterval(() => through.read(65_536), 1);
        await flushed;
        clearInterval(reading);
        compare(trail, through.text, sent);
        assert.ok(trail.dropped < 250, `${trail.dropped} of ${sent} are lost`);
      },
    ),
    { numRuns: bounded(60, 10) },
  );
});

Deno.test("AuditTrail begins with the start record, and its last record counts what was lost before it", async () => {
  const descriptor = descriptorOf(["all", "full"]);
  const trail = new AuditTrail(rustStdout((bytes) => descriptor.take(bytes)), () => {});
  trail.begin({ ...START, options: ["--grpc-addr=\u202e\n"] });
  await trail.flush();
  trail.write(record(1, 1));
  await trail.flush();
  trail.end("hand-over");
  await trail.flush();
  const { records } = readTrail(descriptor.text);
  assert.deepEqual(records.map(({ prev: _, time: __, ...rest }) => rest), [
    {
      sequence: 0,
      event: "start",
      schema: 2,
      ...START,
      options: ["--grpc-addr=\u202e\n"],
    },
    { dropped: 1 },
    { sequence: 2, event: "end", reason: "hand-over", mutations: 1, lost: 1 },
  ]);
  assert.match(descriptor.text, /^[ -~\n]+$/);
  assert.deepEqual([trail.written, trail.dropped], [2, 1]);
});
