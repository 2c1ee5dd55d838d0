/** The protobuf encoding written out by hand: a second opinion beside protobufjs. */

/** Bytes as they are put together. */
export type Bytes = readonly number[];

/** A base-128 varint; `padding` adds bytes that change nothing. */
export function varint(value: bigint, padding = 0): Bytes {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  for (let added = 0; added < padding; added += 1) {
    bytes.push((bytes.pop() ?? 0) | 128, 0);
  }
  return bytes;
}

/** A field's number and wire type. */
export function tag(number: number, wireType: number): Bytes {
  return varint(BigInt(number) * 8n + BigInt(wireType));
}

/** Wire type 0. */
export function varintField(number: number, value: bigint): Bytes {
  return [...tag(number, 0), ...varint(value)];
}

/** Wire type 2. */
export function lengthField(number: number, content: Bytes): Bytes {
  return [...tag(number, 2), ...varint(BigInt(content.length)), ...content];
}

/** Wire types 1 and 5, of 8 and 4 bytes. */
export function fixedField(number: number, content: Bytes): Bytes {
  return [...tag(number, content.length === 8 ? 1 : 5), ...content];
}

/** Wire types 3 and 4. */
export function groupField(number: number, content: Bytes): Bytes {
  return [...tag(number, 3), ...content, ...tag(number, 4)];
}

export const utf8 = (text: string): Bytes => [...new TextEncoder().encode(text)];
