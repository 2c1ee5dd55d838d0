/** How many UTF-16 code units of a caller's text an echo shows. */
const SHOWN = 64;

/**
 * Renders text that a caller sent, so that it can stand in an error or a log line.
 *
 * The result is one line of printable ASCII between double quotes, escaped as in JSON
 * (RFC 8259, section 7): no input can end the quotation, start a new line or move a
 * terminal's cursor. Text longer than 64 UTF-16 code units is cut there, and an
 * ellipsis `…` stands before the closing quote; that is unmistakable, because an
 * ellipsis in the text itself is shown as `\u2026`. The result has at most 387 code
 * units, whatever was sent.
 */
export function quote(text: string): string {
  const escaped = JSON.stringify(text.slice(0, SHOWN)).replace(/[^ -~]/g, escapeUnit);
  return text.length > SHOWN ? `${escaped.slice(0, -1)}…"` : escaped;
}

// JSON leaves DEL and everything above ASCII as it is, and a log reader may not:
// U+009B starts a terminal's control sequence, U+202E turns the line around.
function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
