import assert from "node:assert/strict";
import { drawTerminal } from "../../docs/pictures/terminal_svg.ts";

const ESC = "\u001b[";

/** The elements with text, each as the picture has it. */
function textsOf(output: string, columns = 40): readonly string[] {
  const svg = drawTerminal({ title: "a picture", columns, output });
  return svg.split("\n").filter((line) => line.startsWith("<text "));
}

/** Class, place and width of the elements with text. */
function placesOf(output: string, columns = 40) {
  return textsOf(output, columns).map((element) => {
    const [, style, x, y, width, text] =
      /class="([^"]*)" x="([^"]*)" y="([^"]*)" textLength="([^"]*)">([^]*)<\/text>$/
        .exec(element) ?? [];
    return { style, x: Number(x), y: Number(y), width: Number(width), text };
  });
}

Deno.test("drawTerminal escapes what XML reserves, in the text and in the title", () => {
  const svg = drawTerminal({ title: '<a> & "b"', columns: 20, output: 'x<y & "z">\n' });
  assert.ok(svg.includes('aria-label="&lt;a&gt; &amp; &quot;b&quot;"'), svg);
  assert.ok(svg.includes(">x&lt;y\u00a0&amp;\u00a0&quot;z&quot;&gt;</text>"), svg);
});

Deno.test("drawTerminal gives each colour a class of its own, and ends it where SGR does", () => {
  const output =
    `${ESC}31mred${ESC}39m plain ${ESC}1mbold${ESC}22m ${ESC}2mfaint${ESC}22m.`;
  assert.deepEqual(placesOf(output).map(({ style, text }) => [style, text]), [
    ["red", "red"],
    ["plain", "plain"],
    ["plain bold", "bold"],
    ["plain faint", "faint"],
    ["plain", "."],
  ]);
});

Deno.test("drawTerminal keeps a colour to the next line, as a terminal does", () => {
  const [first, second] = placesOf(`${ESC}32mone\ntwo${ESC}39m\n`);
  assert.deepEqual([first?.style, second?.style], ["green", "green"]);
  assert.deepEqual([first?.x, first?.y, second?.x, second?.y], [12, 26, 12, 45]);
});

Deno.test("drawTerminal places a text by its cells: a wide character has two, a combining one none", () => {
  const [text] = placesOf("  \u6f22e\u0301|", 20);
  assert.deepEqual(text, {
    style: "plain",
    x: 28.8,
    y: 26,
    width: 33.6,
    text: "\u6f22e\u0301|",
  });
});

Deno.test("drawTerminal places what follows wide characters and gaps by their cells", () => {
  const places = placesOf(`\u6f22\u6f22${ESC}31mred${ESC}39m   one  two`);
  assert.deepEqual(places.map(({ text, x }) => [text, x]), [
    ["\u6f22\u6f22", 12],
    ["red", 45.6],
    ["one", 96],
    ["two", 138],
  ]);
});

Deno.test("drawTerminal goes on in the next row where the columns end", () => {
  assert.deepEqual(
    placesOf("abcdef", 4).map(({ text, y }) => [text, y]),
    [["abcd", 26], ["ef", 45]],
  );
  // A wide character does not fit into the last column.
  assert.deepEqual(placesOf("abc\u6f22", 4).map(({ text }) => text), ["abc", "\u6f22"]);
});

Deno.test("drawTerminal draws a reversed text on a ground of its colour", () => {
  const svg = drawTerminal({
    title: "a picture",
    columns: 20,
    output: `${ESC}7m on ${ESC}27m off`,
  });
  assert.ok(svg.includes('<rect class="plain" x="12" y="12" width="33.6"'), svg);
  assert.ok(svg.includes('class="reversed"'), svg);
});

Deno.test("drawTerminal refuses a control sequence that it cannot draw", () => {
  assert.throws(() => textsOf(`${ESC}2J`), /Cannot draw the control sequence CSI 2J/);
  assert.throws(() => textsOf(`${ESC}38m`), /Cannot draw SGR 38/);
});

Deno.test("drawTerminal has colours for a light and for a dark page", () => {
  const svg = drawTerminal({ title: "a picture", columns: 20, output: "x" });
  const [light = "", dark = ""] = svg.split("@media (prefers-color-scheme: dark)");
  for (const rules of [light, dark]) assert.match(rules, /\.ground \{ fill: #/);
  assert.doesNotMatch(svg, /https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
});
