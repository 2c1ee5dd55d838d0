/** What a terminal shows of what it was sent: the part of ECMA-48 that the commands use. */

/** How large it is. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** What is to be seen. */
export interface Screen {
  /** As many as the terminal has, without blanks at their ends. */
  readonly lines: readonly string[];
  /** How many lines have left at the top. */
  readonly scrolled: number;
  readonly hasCursor: boolean;
}

/** A control sequence, a control character, or text. */
const PIECE = /\p{Cc}\[([?0-9;]*)([A-Za-z])|[\r\n]|\P{Cc}+/guy;

/**
 * Draws all of it. Every character takes one column.
 *
 * @throws {Error} for a control code that the commands have no need of
 */
export function screenOf(sent: string, { columns, rows }: ScreenSize): Screen {
  const cells = Array.from({ length: rows }, () => "");
  let [row, column, scrolled, hasCursor] = [0, 0, 0, true];
  const clearFrom = (from: number): void => {
    for (let each = from; each < rows; each += 1) cells[each] = "";
  };
  const keep = (): string => (cells[row] ?? "").slice(0, column);
  const lineFeed = (): void => {
    if (row < rows - 1) row += 1;
    else {
      cells.shift();
      cells.push("");
      scrolled += 1;
    }
  };
  const control = (parameter: string, letter: string): void => {
    switch (`${parameter}${letter}`) {
      case "H":
        [row, column] = [0, 0];
        return;
      case "K":
        cells[row] = keep();
        return;
      case "J":
        cells[row] = keep();
        clearFrom(row + 1);
        return;
      case "2J":
        clearFrom(0);
        return;
      case "?25l":
      case "?25h":
        hasCursor = letter === "h";
        return;
      default:
        // Colours take no column.
        if (letter !== "m") throw new Error(`Cannot draw CSI ${parameter}${letter}`);
    }
  };
  const write = (text: string): void => {
    for (const character of text) {
      if (column === columns) {
        column = 0;
        lineFeed();
      }
      const line = cells[row] ?? "";
      cells[row] = line.slice(0, column).padEnd(column) + character +
        line.slice(column + 1);
      column += 1;
    }
  };
  PIECE.lastIndex = 0;
  for (let at = 0; at < sent.length; at = PIECE.lastIndex) {
    const piece = PIECE.exec(sent);
    // The last one may not have come whole.
    if (piece === null) break;
    const [text, parameter = "", letter] = piece;
    if (letter !== undefined) control(parameter, letter);
    else if (text === "\r") column = 0;
    else if (text === "\n") lineFeed();
    else write(text);
  }
  return { lines: cells.map((line) => line.trimEnd()), scrolled, hasCursor };
}
