import assert from "node:assert/strict";
import fc from "fast-check";
import {
  cutToWidth,
  displayWidth,
  padToWidth,
  wrap,
} from "../../../src/cli/display_width.ts";

const GREEN = "\u001b[32m";
const END = "\u001b[39m";

Deno.test("displayWidth counts wide characters twice, and neither colours nor combining marks", () => {
  const cases: readonly (readonly [text: string, columns: number])[] = [
    ["", 0],
    ["10.42.2.0/24", 12],
    [`${GREEN}installed${END}`, 9],
    ["·●◆◌▲○✕…", 8],
    ["eno1\u0301", 4],
    ["网卡0", 5],
    ["ｗｇ", 4],
    ["🔥", 2],
  ];
  for (const [text, columns] of cases) assert.equal(displayWidth(text), columns, text);
});

Deno.test("cutToWidth leaves what fits, and marks a cut in the last column", () => {
  assert.equal(cutToWidth("0123456789", 10, "…"), "0123456789");
  assert.equal(cutToWidth("0123456789", 9, "…"), "01234567…");
  assert.equal(cutToWidth("0123456789", 1, ">"), ">");
  assert.equal(cutToWidth("网卡网卡", 4, "…"), "网…");
  assert.equal(cutToWidth("a🔥b", 4, "…"), "a🔥b");
});

Deno.test("cutToWidth keeps the end of a colour that began before the cut", () => {
  assert.equal(
    cutToWidth(`${GREEN}installed${END} for long`, 5, "…"),
    `${GREEN}inst…${END}`,
  );
  const ended = `${GREEN}ok${END} and more`;
  assert.equal(cutToWidth(ended, 6, "…"), `${GREEN}ok${END} an…`);
});

Deno.test("padToWidth fills up to the columns, not to the characters", () => {
  assert.equal(padToWidth("wg0", 5), "wg0  ");
  assert.equal(padToWidth("网0", 5), "网0  ");
  assert.equal(padToWidth(`${GREEN}wg0${END}`, 5), `${GREEN}wg0${END}  `);
  assert.equal(padToWidth("vxlan100", 5), "vxlan100");
});

Deno.test("wrap breaks at the last space that fits, and indents all lines but the first", () => {
  assert.deepEqual(wrap("The kernel refused the route", 12, 2), [
    "The kernel",
    "  refused",
    "  the route",
  ]);
  assert.deepEqual(wrap("The kernel", 10, 2), ["The kernel"]);
  assert.deepEqual(wrap("a pipe has no width ".repeat(9), Infinity, 0), [
    "a pipe has no width ".repeat(9).trimEnd(),
  ]);
});

Deno.test("wrap leaves a long word whole, and neither an indentation nor a table's gap is broken", () => {
  assert.deepEqual(wrap("see unix:///run/quilt/sidecar.sock there", 10, 2), [
    "see",
    "  unix:///run/quilt/sidecar.sock",
    "  there",
  ]);
  assert.deepEqual(wrap("    word longer", 6, 4), ["    word", "    longer"]);
  assert.deepEqual(wrap("Last failure  It failed at once", 20, 14), [
    "Last failure  It",
    "              failed",
    "              at",
    "              once",
  ]);
});

const someText = fc.array(
  fc.constantFrom("a", "route", "10.42.2.0/24", "网卡", "e\u0301", "word,"),
  { minLength: 1, maxLength: 30 },
).map((words) => words.join(" "));

Deno.test("wrap loses no word, and a line is too long only if it is one word", () => {
  fc.assert(
    fc.property(
      someText,
      fc.integer({ min: 1, max: 60 }),
      fc.nat({ max: 8 }),
      (text, columns, hanging) => {
        const lines = wrap(text, columns, hanging);
        assert.equal(lines.map((line) => line.trimStart()).join(" "), text);
        for (const [at, line] of lines.entries()) {
          assert.equal(line.length - line.trimStart().length, at === 0 ? 0 : hanging);
          assert.ok(displayWidth(line) <= columns || !line.trim().includes(" "), line);
        }
      },
    ),
  );
});

Deno.test("cutToWidth never takes more columns than there are, and keeps every colour", () => {
  const someLine = fc.array(
    fc.constantFrom("a", "网", "e\u0301", "🔥", GREEN, END, " "),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(someLine, fc.integer({ min: 1, max: 30 }), (tokens, columns) => {
      const cut = cutToWidth(tokens.join(""), columns, "…");
      assert.ok(displayWidth(cut) <= columns, cut);
      const colours = (text: string) =>
        text.split("\u001b[").slice(1).map((part) => part.slice(0, 2));
      assert.deepEqual(colours(cut), colours(tokens.join("")));
    }),
  );
});
