/**
 * What a terminal shows as a picture: text with colours (ECMA-48, SGR) as SVG, for a light
 * and for a dark page. Pure.
 */
import { displayWidth } from "../../src/cli/display_width.ts";

/** A picture of a terminal. */
export interface TerminalPicture {
  /** What a screen reader says. */
  readonly title: string;
  /** The columns of the terminal. */
  readonly columns: number;
  /** As a terminal gets it; lines end with a line feed. */
  readonly output: string;
}

/** Pixels of a cell, of the text within it, and of the margin around all cells. */
const CELL = { width: 8.4, height: 19, baseline: 14 } as const;
const FONT_SIZE = 14;
const MARGIN = 12;

/** The colours of SGR 30 to 37 and of plain text; each is readable on its ground. */
const PALETTE = {
  light: {
    ground: "#ffffff",
    border: "#d0d7de",
    plain: "#1f2328",
    black: "#1f2328",
    red: "#cf222e",
    green: "#116329",
    yellow: "#7d4e00",
    blue: "#0550ae",
    magenta: "#8250df",
    cyan: "#0a5c73",
    white: "#57606a",
  },
  dark: {
    ground: "#0d1117",
    border: "#30363d",
    plain: "#e6edf3",
    black: "#8b949e",
    red: "#ff7b72",
    green: "#56d364",
    yellow: "#e3b341",
    blue: "#79c0ff",
    magenta: "#d2a8ff",
    cyan: "#56d4dd",
    white: "#b1bac4",
  },
} as const;

/** In the order of SGR 30 to 37. */
const COLOURS = [
  "black",
  "red",
  "green",
  "yellow",
  "blue",
  "magenta",
  "cyan",
  "white",
] as const;

/** How a character is drawn. */
interface Style {
  readonly colour: typeof COLOURS[number] | "plain";
  readonly isBold: boolean;
  readonly isFaint: boolean;
  readonly isReversed: boolean;
}

const PLAIN: Style = {
  colour: "plain",
  isBold: false,
  isFaint: false,
  isReversed: false,
};

/** Characters of one style, side by side. */
interface Run {
  readonly row: number;
  /** Cells from the left edge. */
  readonly column: number;
  readonly text: string;
  /** How many cells the text takes. */
  readonly cells: number;
  readonly style: Style;
}

/**
 * Draws a picture.
 *
 * @throws {TypeError} for a control sequence that is no SGR, or an SGR that has no style here
 */
export function drawTerminal({ columns, output, title }: TerminalPicture): string {
  const { rows, runs } = readOutput(output.replace(/\n$/, ""), columns);
  const width = round(2 * MARGIN + columns * CELL.width);
  const height = 2 * MARGIN + rows * CELL.height;
  const label = escapeXml(title);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" role="img" aria-label="${label}">`,
    `<title>${label}</title>`,
    "<style>",
    styleSheet(),
    "</style>",
    `<rect class="ground" x="0.5" y="0.5" width="${round(width - 1)}" ` +
    `height="${height - 1}" rx="8"/>`,
    ...join(runs).flatMap(drawRun),
    "</svg>",
    "",
  ].join("\n");
}

/** What a control sequence begins with (ECMA-48, CSI). */
const SEQUENCE = "\u001b[";

/** Reads what a terminal gets; as there, what is too long goes on in the next row. */
function readOutput(
  output: string,
  columns: number,
): { readonly runs: readonly Run[]; readonly rows: number } {
  let style = PLAIN;
  let row = 0;
  let column = 0;
  const runs: Run[] = [];
  const put = (character: string): void => {
    const cells = displayWidth(character);
    if (character === "\n" || column + cells > columns) [row, column] = [row + 1, 0];
    if (character === "\n") return;
    runs.push({ row, column, text: character, cells, style });
    column += cells;
  };
  const [plain = "", ...sequences] = output.split(SEQUENCE);
  for (const character of plain) put(character);
  for (const sequence of sequences) {
    const [, codes, text = ""] = /^([0-9;]*)m([^]*)$/.exec(sequence) ?? [];
    if (codes === undefined) {
      throw new TypeError(`Cannot draw the control sequence CSI ${sequence}`);
    }
    style = codes.split(";").map(Number).reduce(applySgr, style);
    for (const character of text) put(character);
  }
  return { runs, rows: row + 1 };
}

/** A blank between two runs of one style is no reason for two elements. */
function join(runs: readonly Run[]): readonly Run[] {
  const joined: Run[] = [];
  for (const run of runs) {
    const last = joined.at(-1);
    if (last?.row !== run.row || !continues(last, run)) joined.push(run);
    else {
      joined[joined.length - 1] = {
        ...last,
        text: last.text + run.text,
        cells: last.cells + run.cells,
      };
    }
  }
  return joined;
}

function continues(last: Run, next: Run): boolean {
  const isBlank = next.text === " " && !next.style.isReversed;
  return isSame(last.style, next.style) || (isBlank && !last.style.isReversed);
}

function isSame(one: Style, other: Style): boolean {
  return one.colour === other.colour && one.isBold === other.isBold &&
    one.isFaint === other.isFaint && one.isReversed === other.isReversed;
}

function applySgr(style: Style, code: number): Style {
  const colour = COLOURS[code - (code < 90 ? 30 : 90)];
  if (colour !== undefined) return { ...style, colour };
  switch (code) {
    case 0:
      return PLAIN;
    case 1:
      return { ...style, isBold: true };
    case 2:
      return { ...style, isFaint: true };
    case 7:
      return { ...style, isReversed: true };
    case 22:
      return { ...style, isBold: false, isFaint: false };
    case 27:
      return { ...style, isReversed: false };
    case 39:
      return { ...style, colour: "plain" };
    default:
      throw new TypeError(`Cannot draw SGR ${code}`);
  }
}

function drawRun(run: Run): readonly string[] {
  const { cells, column, row, style } = run;
  if (!style.isReversed) return piecesOf(run).map(drawText);
  const ground = `<rect class="${style.colour}" x="${leftOf(column)}" ` +
    `y="${topOf(row)}" width="${round(cells * CELL.width)}" height="${CELL.height}"/>`;
  return [ground, drawText(run)];
}

function drawText({ cells, column, row, style, text }: Run): string {
  return `<text class="${classesOf(style)}" x="${leftOf(column)}" ` +
    `y="${topOf(row) + CELL.baseline}" textLength="${round(cells * CELL.width)}">` +
    `${escapeXml(unbroken(text))}</text>`;
}

/**
 * What stands between wide gaps, each by itself: so columns stay columns where a renderer
 * has a font with wider characters and does not know textLength.
 */
function piecesOf(run: Run): readonly Run[] {
  let { column } = run;
  return run.text.split(/( {2,}|^ +| +$)/).flatMap((text) => {
    const piece = { ...run, column, text, cells: displayWidth(text) };
    column += piece.cells;
    return text.trim() === "" ? [] : [piece];
  });
}

function leftOf(column: number): number {
  return round(MARGIN + column * CELL.width);
}

function topOf(row: number): number {
  return MARGIN + row * CELL.height;
}

/** Several blanks are one in XML, but for those that do not break. */
function unbroken(text: string): string {
  return text.replaceAll(" ", "\u00a0");
}

function classesOf({ colour, isBold, isFaint, isReversed }: Style): string {
  return [
    isReversed ? "reversed" : colour,
    ...isBold ? ["bold"] : [],
    ...isFaint ? ["faint"] : [],
  ].join(" ");
}

function styleSheet(): string {
  return [
    `text { font: ${FONT_SIZE}px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, ` +
    "monospace; }",
    ".bold { font-weight: bold; }",
    ".faint { opacity: 0.55; }",
    ...rulesOf(PALETTE.light),
    "@media (prefers-color-scheme: dark) {",
    ...rulesOf(PALETTE.dark),
    "}",
  ].join("\n");
}

function rulesOf(palette: typeof PALETTE[keyof typeof PALETTE]): readonly string[] {
  const { border, ground, ...colours } = palette;
  return [
    `.ground { fill: ${ground}; stroke: ${border}; }`,
    `.reversed { fill: ${ground}; }`,
    ...Object.entries(colours).map(([name, value]) => `.${name} { fill: ${value}; }`),
  ];
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}
