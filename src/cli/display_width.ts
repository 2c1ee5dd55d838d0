/** How many columns of a terminal a text takes, and how it is made to fit. */

/** Colours and the like (ECMA-48, SGR), which take no column. */
const SGR = new RegExp("\u001b\\[[\\d;]*m", "g");

const SGR_OR_CHARACTER = new RegExp(`${SGR.source}|.`, "gsu");

/** Marks that are drawn over the character before them. */
const COMBINING = /\p{M}/u;

/** What Unicode calls wide or full-width (UAX #11), to the block. */
const WIDE = new RegExp(
  "[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff" +
    "\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]" +
    "|\\p{Emoji_Presentation}",
  "u",
);

/** Matches nearly every text, and is faster than what is above. */
const PRINTABLE_ASCII = /^[ -~]*$/;

/** The columns that one line takes; colours take none. */
export function displayWidth(line: string): number {
  if (PRINTABLE_ASCII.test(line)) return line.length;
  return [...line.replaceAll(SGR, "")].reduce((sum, each) => sum + widthOf(each), 0);
}

function widthOf(character: string): number {
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/**
 * Cuts a line that takes more columns than there are. The colours behind the cut stay,
 * because they may be the end of one before it.
 *
 * @param mark one column, which stands for what was cut off
 */
export function cutToWidth(line: string, columns: number, mark: string): string {
  if (displayWidth(line) <= columns) return line;
  let left = columns - 1;
  let cut = "";
  for (const [token] of line.matchAll(SGR_OR_CHARACTER)) {
    if (token.length > 2) {
      cut += token;
      continue;
    }
    if (left < 0) continue;
    left -= widthOf(token);
    if (left >= 0) cut += token;
    else cut += mark;
  }
  return cut;
}

/** Fills a text with spaces up to so many columns. */
export function padToWidth(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}

/**
 * Breaks a text without colours at its spaces into lines that fit. A word that is wider
 * than a line stays whole, so that it can be copied.
 *
 * @param hanging the columns by which all lines but the first are indented
 */
export function wrap(
  text: string,
  columns: number,
  hanging: number,
): readonly string[] {
  const lines: string[] = [];
  let rest = text.trimEnd();
  while (displayWidth(rest) > columns) {
    const at = breakOf(rest, columns);
    if (at === undefined) break;
    lines.push(rest.slice(0, at));
    rest = " ".repeat(hanging) + rest.slice(at + 1);
  }
  return [...lines, rest];
}

/** The last space up to which all fits, otherwise the first one; not its indentation. */
function breakOf(text: string, columns: number): number | undefined {
  const indentation = text.length - text.trimStart().length;
  let found: number | undefined;
  for (
    let at = text.indexOf(" ", indentation);
    at >= 0;
    at = text.indexOf(" ", at + 1)
  ) {
    // Several spaces keep the columns of a table apart.
    if (text[at - 1] === " " || text[at + 1] === " ") continue;
    const fits = displayWidth(text.slice(0, at)) <= columns;
    if (found !== undefined && !fits) return found;
    found = at;
  }
  return found;
}
