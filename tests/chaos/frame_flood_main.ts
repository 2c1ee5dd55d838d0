/**
 * Floods a server for some seconds with what costs its sender little, and ends by itself.
 *
 * Words: the kind, the port, seconds, and how many connections at a time.
 * Out:   one line of JSON at its end: connections made, bytes sent.
 */
import { connect } from "node:net";
import {
  ACK,
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
  PING,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from "./http2_frames.ts";

/** What a connection sends: first, and then again and again. */
interface Flood {
  readonly first: Bytes;
  /** @param round from 0; the streams of a round are those of no other */
  again(round: number): Bytes;
  /** It is made anew after so many rounds. @default {Infinity} */
  readonly rounds?: number;
}

const CHUNK = 16 * 1024;

function repeated(bytes: Bytes): (round: number) => Bytes {
  const times = Math.max(1, Math.floor(CHUNK / bytes.length));
  const chunk = Array.from({ length: times }, () => bytes).flat();
  return () => chunk;
}

const control = (bytes: Bytes): Flood => ({ first: HELLO, again: repeated(bytes) });

/** So many streams that no other round has. */
function streams(round: number, count: number, each: (stream: number) => Bytes): Bytes {
  const first = 2 * round * count + 1;
  return Array.from({ length: count }, (_, at) => each(first + 2 * at)).flat();
}

const SYNC_ROUTES = headersOf("/quilt.sidecar.v1.RouteService/SyncRoutes");
const LIST_ROUTES = headersOf("/quilt.sidecar.v1.RouteService/ListRoutes");
const REFLECTION = headersOf(
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
);
const UNKNOWN = headersOf("/a/b");

const text = (value: string): Bytes => [...new TextEncoder().encode(value)];

function field(number: number, payload: Bytes): Bytes {
  const { length } = payload;
  const size = length < 128 ? [length] : [length & 127 | 128, length >> 7];
  return [number << 3 | 2, ...size, ...payload];
}

/** A SyncRoutes of 254 routes, as a dry run. */
const SYNC: Bytes = [
  ...Array.from({ length: 254 }, (_, peer) =>
    field(1, [
      ...field(1, text(`10.42.${peer + 1}.0/24`)),
      ...field(2, text("vxlan100")),
    ])).flat(),
  ...[2 << 3, 1],
];

function message(payload: Bytes): Bytes {
  const { length } = payload;
  return [0, 0, 0, length >> 8, length & 255, ...payload];
}

function call(headers: Bytes, payload: Bytes): (stream: number) => Bytes {
  const body = message(payload);
  return (stream) => [
    ...frame(HEADERS, END_HEADERS, stream, headers),
    ...frame(DATA, END_STREAM, stream, body),
  ];
}

/** A header of 4,000 octets into the client's table, which one octet stands for then. */
const LARGE = [0x40, ...literal("x-large", "y".repeat(4_000)).slice(1)];
const INDEXED = 0x80 | 62;

const FLOODS: Readonly<Record<string, Flood>> = {
  "ping": control(frame(PING, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8])),
  "settings": control(frame(SETTINGS, 0, 0, [0, 4, 0, 1, 0, 0])),
  "settings-ack": control(frame(SETTINGS, ACK, 0, [])),
  "window-update": {
    first: [...HELLO, ...frame(HEADERS, END_HEADERS, 1, LIST_ROUTES)],
    again: repeated(frame(WINDOW_UPDATE, 0, 1, [0, 0, 0, 1])),
  },
  "priority": control(frame(2, 0, 3, [0, 0, 0, 0, 16])),
  "unknown-frames": control(frame(0x42, 0, 0, [])),
  "empty-data": {
    first: [...HELLO, ...frame(HEADERS, END_HEADERS, 1, LIST_ROUTES)],
    again: repeated(frame(DATA, 0, 1, [])),
  },
  "hpack": {
    first: [
      ...HELLO,
      ...frame(HEADERS, END_HEADERS | END_STREAM, 1, [...UNKNOWN, ...LARGE]),
    ],
    again: (round) =>
      frame(HEADERS, END_HEADERS | END_STREAM, 2 * round + 3, [
        ...UNKNOWN,
        ...Array<number>(16_000).fill(INDEXED),
      ]),
  },
  "hpack-small": {
    first: [
      ...HELLO,
      ...frame(HEADERS, END_HEADERS | END_STREAM, 1, [...UNKNOWN, ...LARGE]),
    ],
    again: (round) =>
      streams(
        round + 1,
        64,
        (stream) =>
          frame(HEADERS, END_HEADERS | END_STREAM, stream, [
            ...UNKNOWN,
            ...[INDEXED, INDEXED, INDEXED],
          ]),
      ),
  },
  "rapid-reset": {
    first: HELLO,
    again: (round) =>
      streams(round, 64, (stream) => [
        ...frame(HEADERS, END_HEADERS, stream, UNKNOWN),
        ...frame(RST_STREAM, 0, stream, [0, 0, 0, 8]),
      ]),
  },
  "unknown-calls": {
    first: HELLO,
    again: (round) =>
      streams(
        round,
        64,
        (stream) => frame(HEADERS, END_HEADERS | END_STREAM, stream, UNKNOWN),
      ),
  },
  "sync-dry-run": {
    first: HELLO,
    again: (round) => streams(round, 8, call(SYNC_ROUTES, SYNC)),
  },
  "list": {
    first: HELLO,
    again: (round) => streams(round, 32, call(LIST_ROUTES, [])),
  },
  "reflection": {
    first: HELLO,
    again: (round) =>
      streams(round, 4, (stream) => [
        ...frame(HEADERS, END_HEADERS, stream, REFLECTION),
        ...frame(DATA, END_STREAM, stream, Array<number>(5 * 3_000).fill(0)),
      ]),
  },
  "continuation": {
    first: HELLO,
    again: () => [
      ...frame(HEADERS, 0, 1, [...UNKNOWN, ...literal("x-0", "y".repeat(5_000))]),
      ...frame(CONTINUATION, 0, 1, literal("x-1", "y".repeat(5_000))),
      ...frame(CONTINUATION, END_HEADERS, 1, literal("x-2", "y".repeat(5_000))),
    ],
    rounds: 1,
  },
  "continuation-without-end": {
    first: [...HELLO, ...frame(HEADERS, 0, 1, UNKNOWN)],
    again: () => frame(CONTINUATION, 0, 1, literal("x-1", "y".repeat(15_000))),
    rounds: 1,
  },
  "connections": {
    first: HELLO,
    again: (round) =>
      streams(
        round,
        1,
        (stream) => frame(HEADERS, END_HEADERS | END_STREAM, stream, UNKNOWN),
      ),
    rounds: 1,
  },
};

const [kind = "", port, seconds, connections] = Deno.args;
const flood = FLOODS[kind];
if (flood === undefined) throw new Error(`There are ${Object.keys(FLOODS).join(" ")}`);
const { again, first, rounds = Infinity } = flood;
const end = performance.now() + Number(seconds) * 1_000;
let made = 0;
let sent = 0;

/** One connection until it is closed, by whomever. */
function floodOnce(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect({ port: Number(port), host: "127.0.0.1", noDelay: true });
  socket.on("error", () => {});
  socket.once("close", () => resolve());
  // Answers are read, and acknowledged by nobody.
  socket.resume();
  made += 1;
  let round = 0;
  const write = (bytes: Bytes): boolean => {
    sent += bytes.length;
    return socket.write(new Uint8Array(bytes));
  };
  const send = (): void => {
    if (socket.destroyed) return;
    if (performance.now() > end) return void socket.destroy();
    if (round >= rounds) return void setTimeout(() => socket.destroy(), 100);
    const goesOn = write(again(round++));
    if (goesOn) setImmediate(send);
    else socket.once("drain", send);
  };
  socket.once("connect", () => {
    write(first);
    send();
  });
  return promise;
}

await Promise.all(Array.from({ length: Number(connections) }, async () => {
  while (performance.now() < end) await floodOnce();
}));
await new Blob([`${JSON.stringify({ made, sent })}\n`]).stream()
  .pipeTo(Deno.stdout.writable, { preventClose: true });
Deno.exit();
