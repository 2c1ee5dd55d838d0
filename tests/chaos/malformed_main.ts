/**
 * Does to a gRPC server what no client does: raw bytes over TCP, in a process of its own.
 *
 * Words: how many exchanges, and the seed of the random ones.
 * Out:   one JSON line, how many exchanges there were of each kind.
 */
import { connect, type Socket } from "node:net";

const PORT = 50051;
const WORKERS = 16;
/** An exchange that nobody ends is ended then, in milliseconds. */
const PATIENCE_MS = 150;

/** Numbers from 0 to below 1 that a seed decides (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Random = () => number;
type Bytes = readonly number[];

const ascii = (text: string): Bytes => [...new TextEncoder().encode(text)];
const PREFACE = ascii("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

function someBytes(random: Random, most: number): Bytes {
  return Array.from({ length: Math.floor(random() * most) }, () => random() * 256 | 0);
}

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const CONTINUATION = 9;
const END_STREAM = 1;
const END_HEADERS = 4;

/** RFC 9113, 4.1 */
function frame(type: number, flags: number, stream: number, payload: Bytes): Bytes {
  const { length } = payload;
  const head = [length >> 16, length >> 8, length, type, flags];
  return [...head, stream >> 24, stream >> 16, stream >> 8, stream, ...payload];
}

/** HPACK integers and literals without an index: RFC 7541, 5.1 and 6.2.2. */
function literal(name: string, value: string): Bytes {
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

function headersOf(path: string, type: string): Bytes {
  return [
    ...literal(":method", "POST"),
    ...literal(":scheme", "http"),
    ...literal(":path", path),
    ...literal(":authority", "x"),
    ...literal("content-type", type),
    ...literal("te", "trailers"),
  ];
}

const GRPC = headersOf("/quilt.QuiltRuntime/InjectRoute", "application/grpc");
const HELLO = [...PREFACE, ...frame(SETTINGS, 0, 0, [])];

/** What is done to each of a connection's first streams. */
function onStreams(count: number, each: (stream: number) => Bytes): Bytes {
  return Array.from({ length: count }, (_, at) => each(2 * at + 1)).flat();
}

function call(stream: number, headers: Bytes, body: Bytes): Bytes {
  return [
    ...frame(HEADERS, END_HEADERS, stream, headers),
    ...frame(DATA, END_STREAM, stream, body),
  ];
}

/** One connection's bytes, and how many exchanges they are. */
interface Attack {
  readonly exchanges: number;
  readonly bytes: Bytes;
  /** Holds the connection open and reads nothing, to the end. */
  readonly stall?: boolean;
}

const STREAMS = 8;

const KINDS: Readonly<Record<string, (random: Random) => Attack>> = {
  "random bytes": (random) => ({ exchanges: 1, bytes: someBytes(random, 2_000) }),
  "random frames": (random) => ({
    exchanges: 1,
    bytes: [
      ...HELLO,
      ...Array.from(
        { length: 8 },
        () =>
          frame(
            random() * 12 | 0,
            random() * 256 | 0,
            random() * 9 | 0,
            someBytes(random, 80),
          ),
      ).flat(),
    ],
  }),
  "truncated messages": (random) => ({
    exchanges: STREAMS,
    bytes: [
      ...HELLO,
      ...onStreams(
        STREAMS,
        (stream) =>
          call(stream, GRPC, [random() * 3 | 0, 0, 0, 1, 0, ...someBytes(random, 99)]),
      ),
    ],
  }),
  "wrong content types": (random) => ({
    exchanges: STREAMS,
    bytes: [
      ...HELLO,
      ...onStreams(STREAMS, (stream) => {
        const type = random() < 0.5 ? "text/plain" : "application/grpc-web+x";
        return call(stream, headersOf("/quilt.QuiltRuntime/RemoveRoute", type), [0]);
      }),
    ],
  }),
  "unknown methods": (random) => ({
    exchanges: STREAMS,
    bytes: [
      ...HELLO,
      ...onStreams(STREAMS, (stream) => {
        const path = `/${
          String.fromCharCode(...someBytes(random, 60).map((b) => 33 + b % 90))
        }`;
        return call(stream, headersOf(path, "application/grpc"), [0, 0, 0, 0, 0]);
      }),
    ],
  }),
  "oversized headers": (random) => ({
    exchanges: 1,
    bytes: [
      ...HELLO,
      ...frame(HEADERS, 0, 1, GRPC),
      ...Array.from(
        { length: 8 },
        () => frame(CONTINUATION, 0, 1, literal(`x-${random()}`, "y".repeat(15_000))),
      ).flat(),
      ...frame(CONTINUATION, END_HEADERS, 1, literal("z", "z")),
    ],
  }),
  "rapid reset": () => ({
    exchanges: STREAMS * 4,
    bytes: [
      ...HELLO,
      ...onStreams(STREAMS * 4, (stream) => [
        ...frame(HEADERS, END_HEADERS, stream, GRPC),
        ...frame(RST_STREAM, 0, stream, [0, 0, 0, 8]),
      ]),
    ],
  }),
  "stalled readers": () => ({
    exchanges: STREAMS,
    stall: true,
    bytes: [
      ...HELLO,
      ...onStreams(STREAMS, (stream) => call(stream, GRPC, [0, 0, 0, 0, 0])),
    ],
  }),
};

/** Resolves when the server has ended it, or nothing more comes. */
function carryOut({ bytes, stall = false }: Attack, stalled: Socket[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(PORT, "127.0.0.1");
  socket.on("error", () => {});
  socket.on("close", () => resolve());
  socket.write(new Uint8Array(bytes));
  if (stall) {
    socket.pause();
    stalled.push(socket);
    // The server's own memory is what is looked at: so many are held, and no more.
    if (stalled.length > 64) stalled.shift()?.destroy();
    resolve();
  } else {
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
    socket.on("close", () => clearTimeout(timer));
  }
  return promise;
}

async function main(exchanges: number, seed: number): Promise<void> {
  const random = randomOf(seed);
  const stalled: Socket[] = [];
  const counts: Record<string, number> = {};
  let left = exchanges;
  const kinds = Object.entries(KINDS);
  const work = async (): Promise<void> => {
    for (let at = 0; left > 0; at += 1) {
      // Each kind has as many exchanges, not connections.
      const kind = kinds.reduce((least, next) =>
        (counts[next[0]] ?? 0) < (counts[least[0]] ?? 0) ? next : least
      );
      const attack = kind[1](random);
      counts[kind[0]] = (counts[kind[0]] ?? 0) + attack.exchanges;
      left -= attack.exchanges;
      await carryOut(attack, stalled);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  for (const socket of stalled) socket.destroy();
  await new Blob([`${JSON.stringify(counts)}\n`]).stream().pipeTo(
    Deno.stdout.writable,
  );
}

const [exchanges, seed] = Deno.args.map(Number);
if (!exchanges || seed === undefined) {
  throw new Error("Say how many exchanges, and a seed");
}
await main(exchanges, seed);
Deno.exit();
