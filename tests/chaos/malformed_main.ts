/**
 * Does to a gRPC server what no client does: raw bytes over TCP, in a process of its own.
 *
 * Words: how many exchanges, and the seed of the random ones.
 * Out:   one JSON line, how many exchanges there were of each kind.
 */
import { connect, type Socket } from "node:net";
import {
  type Bytes,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  HEADERS,
  headersOf,
  HELLO,
  literal,
  RST_STREAM,
} from "./http2_frames.ts";

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
function someBytes(random: Random, most: number): Bytes {
  return Array.from({ length: Math.floor(random() * most) }, () => random() * 256 | 0);
}

const GRPC = headersOf("/quilt.QuiltRuntime/InjectRoute");

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
