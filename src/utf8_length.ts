/** Nearly every line: for these a look at each character would take four times as long. */
const PRINTABLE = /^[ -~]*$/;

/**
 * The bytes of UTF-8 that a text takes, as TextEncoder would have it (a lone surrogate
 * becomes U+FFFD), without encoding.
 */
export function utf8Length(text: string): number {
  if (PRINTABLE.test(text)) return text.length;
  let length = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    if (unit < 0x800) length += 1;
    else if (isSurrogatePair(text, at)) {
      length += 2;
      at += 1;
    } else length += 2;
  }
  return length;
}

function isSurrogatePair(text: string, at: number): boolean {
  const point = text.codePointAt(at);
  return point !== undefined && point > 0xffff;
}
