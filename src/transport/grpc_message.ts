/** Printable ASCII, save the percent sign: what `grpc-message` carries as it is. */
const PLAIN = /^[ -$&-~]*$/;

const encoder = new TextEncoder();

/**
 * A text as the value of `grpc-message`: Percent-Encoded of gRPC's PROTOCOL-HTTP2.md.
 * Each byte of its UTF-8 that is not printable ASCII, and each percent sign, becomes `%`
 * and two hexadecimal digits. grpc-js sends some of its own sentences unencoded.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(encodeGrpcMessage("50 % of é"), "50 %25 of %C3%A9");
 * ```
 */
export function encodeGrpcMessage(text: string): string {
  if (PLAIN.test(text)) return text;
  let encoded = "";
  for (const byte of encoder.encode(text)) {
    const character = String.fromCharCode(byte);
    encoded += PLAIN.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}
