/** How many UTF-16 code units of a client's text are shown. */
const MAX_SHOWN_UNITS = 64;

/**
 * Quotes text that a client sent, so that it can stand in an error or a log line.
 *
 * The result is one line of printable ASCII between double quotes, escaped as in JSON
 * (RFC 8259, section 7): no input can end the quotation, start a new line or move a
 * terminal's cursor. Text longer than 64 UTF-16 code units is cut there, and an
 * ellipsis `…` stands before the closing quote. The ellipsis is unambiguous, because one
 * in the text itself is shown as `\u2026`. The result has at most 387 code units,
 * whatever the client sent.
 */
export function quote(text: string): string {
  const escaped = JSON.stringify(text.slice(0, MAX_SHOWN_UNITS))
    .replace(/[^ -~]/g, escapeUnits);
  return text.length > MAX_SHOWN_UNITS ? `${escaped.slice(0, -1)}…"` : escaped;
}

/**
 * Controls, direction marks, lone surrogates, line and paragraph separators, and what
 * Unicode calls default-ignorable, such as variation selectors.
 */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Matches nearly every text, and is faster than the Unicode properties above. */
const PRINTABLE_ASCII = /^[ -~]*$/;

/**
 * Writes each invisible character as JSON would escape it, `\u202e`, and leaves all
 * others as they are. Such text cannot begin a line, reverse one or control a terminal.
 * Within the text of a JSON document it does not change what the document means.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(escapeInvisible("agent\n"), "agent\\u000a");
 * ```
 */
export function escapeInvisible(text: string): string {
  return PRINTABLE_ASCII.test(text) ? text : text.replace(INVISIBLE, escapeUnits);
}

// JSON leaves DEL and everything above ASCII unescaped, and a log reader may not: U+009B
// starts a terminal's control sequence, U+202E reverses the line.
function escapeUnits(characters: string): string {
  let escaped = "";
  for (let at = 0; at < characters.length; at += 1) {
    escaped += `\\u${characters.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}

/** `1 route`, `2 routes`. */
export function countOf(
  count: number,
  noun: string,
  plural: string = `${noun}s`,
): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** How many of several items a sentence names. */
const NAMED = 3;

/** `10.42.2.0/24, 10.42.3.0/24, 10.42.4.0/24 and 251 more`. */
export function listFew(items: readonly string[], most = NAMED): string {
  const named = items.slice(0, most).join(", ");
  return items.length <= most ? named : `${named} and ${items.length - most} more`;
}
