/**
 * Controls, direction marks, lone surrogates, line and paragraph separators, and what
 * Unicode calls default-ignorable, such as variation selectors.
 */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Nearly every text: the look at each character's properties takes longer. */
const PRINTABLE = /^[ -~]*$/;

/**
 * Writes each invisible character as JSON would escape it, `\u202e`, and leaves the rest
 * as it is: such text cannot begin a line, turn one around or steer a terminal. Within
 * the text of a JSON document it changes nothing of what the document says.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(escapeInvisible("agent\n"), "agent\\u000a");
 * ```
 */
export function escapeInvisible(text: string): string {
  if (PRINTABLE.test(text)) return text;
  return text.replace(INVISIBLE, (character) => {
    let escaped = "";
    for (let at = 0; at < character.length; at += 1) {
      escaped += "\\u" + character.charCodeAt(at).toString(16).padStart(4, "0");
    }
    return escaped;
  });
}
