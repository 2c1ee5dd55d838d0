import assert from "node:assert/strict";
import fc from "fast-check";
import { lineBatches, openText, readText } from "../../../src/cli/text_input.ts";

const encoder = new TextEncoder();

/** A stream of these bytes, in pieces of so many. */
function streamOf(bytes: Uint8Array, piece: number): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += piece) {
        controller.enqueue(bytes.slice(at, at + piece));
      }
      controller.close();
    },
  });
}

async function linesOf(bytes: Uint8Array, piece: number): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const batch of lineBatches(streamOf(bytes, piece))) lines.push(...batch);
  return lines;
}

Deno.test("the lines of a stream are those of its text, wherever its reads divide it", async () => {
  const text = fc.array(fc.constantFrom("\n", "a", "é", "🧵", "\r\n", ""))
    .map((pieces) => pieces.join(""));
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 1, max: 9 }), async (text, piece) => {
      const whole = text.endsWith("\n") ? text.slice(0, -1) : text;
      const expected = text === "" ? [] : whole.split("\n");
      assert.deepEqual(await linesOf(encoder.encode(text), piece), expected);
    }),
  );
});

Deno.test("a line of a million characters is cut, and the lines around it are whole", async () => {
  const long = "x".repeat(1_000_000);
  const lines = await linesOf(encoder.encode(`before\n${long}\nbehind`), 65_536);
  assert.deepEqual(lines.map((line) => line.length), [6, 262_144, 6]);
});

Deno.test("a file that cannot be read, or is too large, is named with the reason", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/file`;
  await Deno.writeTextFile(path, "\ufeffé\n");
  assert.deepEqual(await readText(path, 6), { ok: true, value: "é\n" });
  const fault = async (path: string, most: number): Promise<string> => {
    const read = await readText(path, most);
    assert.ok(!read.ok);
    return read.fault;
  };
  assert.equal(
    await fault(path, 5),
    `Cannot read ${path}: it has more than 5 bytes`,
  );
  assert.equal(
    await fault(folder, 5),
    `Cannot read ${folder}: it is a directory; give a file`,
  );
  const missing = await openText(`${folder}/none`);
  assert.deepEqual(missing, {
    ok: false,
    fault: `Cannot read ${folder}/none: there is no such file`,
  });
  await Deno.remove(folder, { recursive: true });
});
