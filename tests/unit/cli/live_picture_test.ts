import assert from "node:assert/strict";
import fc from "fast-check";
import { frameOf } from "../../../src/cli/live_picture.ts";
import { PLAIN, type Terminal } from "../../../src/cli/terminal.ts";
import { screenOf } from "../../e2e/screen.ts";

function terminal(columns: number, rows: number): Terminal {
  return { columns, rows, hasControl: true, hasColour: true, hasUnicode: true };
}

/** What a terminal shows of some frames, one over the other. */
function screen(
  { columns, rows }: Terminal,
  ...frames: readonly string[]
): readonly string[] {
  // The terminal's driver returns the carriage at each line feed.
  const sent = frames.join("").replaceAll("\n", "\r\n");
  const { lines, scrolled } = screenOf(sent, { columns, rows });
  assert.equal(scrolled, 0);
  return lines;
}

Deno.test("a frame overwrites the one before it, line by line, and clears the rest", () => {
  const size = terminal(20, 6);
  assert.equal(
    frameOf("up 1 s\n2 routes", size, true),
    "\u001b[H\u001b[2Jup 1 s\u001b[K\n2 routes\u001b[K\n\u001b[J",
  );
  assert.equal(
    frameOf("up 2 s", size, false),
    "\u001b[Hup 2 s\u001b[K\n\u001b[J",
  );
});

Deno.test("a frame cuts lines at the terminal's width, and does not clear its last column", () => {
  const size = terminal(8, 6);
  assert.equal(
    frameOf("12345678\n123456789", size, false),
    "\u001b[H12345678\n1234567…\n\u001b[J",
  );
  const ascii = { ...size, hasUnicode: false };
  assert.equal(frameOf("123456789", ascii, false), "\u001b[H1234567>\n\u001b[J");
});

Deno.test("a frame of more lines than the terminal has says how many are left out", () => {
  const lines = Array.from({ length: 9 }, (_, at) => `line ${at}`);
  const size = terminal(40, 6);
  assert.deepEqual(screen(size, frameOf(lines.join("\n"), size, true)), [
    "line 0",
    "line 1",
    "line 2",
    "line 3",
    "5 more lines: make the window taller",
    "",
  ]);
  assert.deepEqual(screen(size, frameOf(lines.slice(0, 5).join("\n"), size, true)), [
    ...lines.slice(0, 5),
    "",
  ]);
});

Deno.test("without control codes pictures stand below one another", () => {
  assert.equal(frameOf("up 1 s\n2 routes", PLAIN, true), "up 1 s\n2 routes\n\n");
});

const somePicture = fc.array(
  fc.array(fc.constantFrom("route", "10.42.2.0/24", "\u001b[32minstalled\u001b[39m"), {
    maxLength: 6,
  }).map((words) => words.join(" ")),
  { minLength: 1, maxLength: 12 },
).map((lines) => lines.join("\n"));

Deno.test("after however many frames the screen shows the last picture alone, and has not scrolled", () => {
  fc.assert(
    fc.property(
      fc.array(somePicture, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 4, max: 40 }),
      fc.integer({ min: 4, max: 10 }),
      (pictures, columns, rows) => {
        const size = terminal(columns, rows);
        const frames = pictures.map((each, at) => frameOf(each, size, at === 0));
        const last = frameOf(pictures.at(-1) ?? "", size, true);
        assert.deepEqual(screen(size, ...frames), screen(size, last));
      },
    ),
  );
});
