import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { onLines } from "../../../../src/dataplane/iproute2/lines.ts";

/** The lines of these chunks, one read each. */
async function linesOf(pieces: readonly string[]): Promise<readonly string[]> {
  const stream = new PassThrough();
  const lines: string[] = [];
  onLines(stream, {
    limit: 128 * 1024 * 1024,
    onLine: (line) => void lines.push(line),
    onOverflow: () => assert.fail("no line is too long"),
  });
  for (const piece of pieces) {
    stream.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  stream.end();
  await new Promise((resolve) => stream.on("end", resolve));
  return lines;
}

Deno.test("onLines finds the same lines, however the stream is cut into chunks", async () => {
  const piece = fc.string({ unit: fc.constantFrom("a", "é", "\n", "[", "]") });
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
      const expected = pieces.join("").split("\n").slice(0, -1);
      assert.deepEqual(await linesOf(pieces), expected);
    }),
    { numRuns: 200 },
  );
});

Deno.test("onLines reads a line of 64 MB in linear time", async () => {
  const piece = "x".repeat(64 * 1024);
  const started = performance.now();
  const [line, ...others] = await linesOf([
    ...Array.from({ length: 1024 }, () => piece),
    "\n",
  ]);
  assert.equal(line?.length, 64 * 1024 * 1024);
  assert.deepEqual(others, []);
  // Joining the line again with each chunk would take half a minute.
  assert.ok(performance.now() - started < 5_000);
});
