/** The bytes of HTTP/2, for clients that do with them what no library does. */

/** Bytes as they are put together. */
export type Bytes = readonly number[];

export const DATA = 0;
export const HEADERS = 1;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const END_STREAM = 1;
export const END_HEADERS = 4;
/** Of SETTINGS and PING. */
export const ACK = 1;

const INITIAL_WINDOW_SIZE = 4;

export const ascii = (text: string): Bytes => [...new TextEncoder().encode(text)];

export const PREFACE = ascii("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** RFC 9113, 4.1 */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Bytes,
): Bytes {
  const { length } = payload;
  const head = [length >> 16, length >> 8, length, type, flags];
  return [...head, stream >> 24, stream >> 16, stream >> 8, stream, ...payload];
}

/** What a client sends first. */
export const HELLO = [...PREFACE, ...frame(SETTINGS, 0, 0, [])];

/** The same, from a client that takes no byte of an answer. */
export const SPEECHLESS_HELLO = [
  ...PREFACE,
  ...frame(SETTINGS, 0, 0, [0, INITIAL_WINDOW_SIZE, 0, 0, 0, 0]),
];

/** HPACK integers and literals without an index: RFC 7541, 5.1 and 6.2.2. */
export function literal(name: string, value: string): Bytes {
  return [0, ...text(name), ...text(value)];
}

function text(value: string): Bytes {
  const bytes = ascii(value);
  if (bytes.length < 127) return [bytes.length, ...bytes];
  const length: number[] = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>= 7) length.push(rest & 127 | 128);
  return [...length, rest, ...bytes];
}

/** The headers of a call. */
export function headersOf(path: string, type = "application/grpc"): Bytes {
  return [
    ...literal(":method", "POST"),
    ...literal(":scheme", "http"),
    ...literal(":path", path),
    ...literal(":authority", "x"),
    ...literal("content-type", type),
    ...literal("te", "trailers"),
  ];
}

/** A frame that was received. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
}

/** Takes bytes as they come, and hands each frame on when it is complete. */
export function frameReader(take: (frame: Frame) => void): (part: Uint8Array) => void {
  let held = new Uint8Array();
  return (part) => {
    const all = new Uint8Array(held.length + part.length);
    all.set(held);
    all.set(part, held.length);
    held = all;
    while (held.length >= 9) {
      const head = new DataView(held.buffer, held.byteOffset, 9);
      const end = 9 + (head.getUint32(0) >> 8);
      if (held.length < end) return;
      const [type, flags] = [head.getUint8(3), head.getUint8(4)];
      const stream = head.getUint32(5) & 0x7fffffff;
      const payload = held.slice(9, end);
      held = held.subarray(end);
      take({ type, flags, stream, payload });
    }
  };
}
