/**
 * Many connections that make calls of large answers and take none of them, or byte by
 * byte; who is cut off comes again.
 *
 * Words: how they read, and how many there are.
 * Out:   a line of JSON every half second: `opened`, how many connections there were until
 *        now; `greeted`, how many of them were let in; `ended`, how many were cut off;
 *        `calls`, how many calls they made; `bytes`, how many they took.
 */
import { connect } from "node:net";
import { setInterval } from "node:timers";
import {
  ACK,
  ascii,
  type Bytes,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  frameReader,
  HEADERS,
  headersOf,
  PING,
  PREFACE,
  SETTINGS,
  SPEECHLESS_HELLO,
  WINDOW_UPDATE,
} from "./http2_frames.ts";

const PORT = 50051;
/** One less than the server's settings allow. */
const CALLS = 31;
const AGAIN_MS = 2_000;
const TELL_MS = 500;
const TRICKLE_MS = 100;

const text = (number: number, value: string): Bytes => [
  number << 3 | 2,
  value.length,
  ...ascii(value),
];

function message(bytes: Bytes): Bytes {
  return [0, 0, 0, bytes.length >> 8, bytes.length, ...bytes];
}

function call(stream: number, path: string, body: Bytes): Bytes {
  return [
    ...frame(HEADERS, END_HEADERS, stream, headersOf(path)),
    ...frame(DATA, END_STREAM, stream, message(body)),
  ];
}

/** The whole of a /16 in one dry run: 5 KB that are answered by as many. */
const DRY_RUN: Bytes = [
  ...Array.from({ length: 200 }, (_, at) => {
    const route = [...text(1, `10.42.${at + 2}.0/24`), ...text(2, "vxlan100")];
    return [1 << 3 | 2, route.length, ...route];
  }).flat(),
  ...[2 << 3, 1],
];

const ROUTES = "/quilt.sidecar.v1.RouteService";
const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const LIST = (stream: number) => call(stream, `${ROUTES}/ListRoutes`, []);
const OTHERS = [
  (stream: number) => call(stream, `${ROUTES}/WatchRoutes`, []),
  (stream: number) =>
    call(stream, REFLECTION, text(4, "quilt.sidecar.v1.RouteService")),
  // A third of the calls: more would pass the window that a server opens at first.
  (stream: number) => call(stream, `${ROUTES}/SyncRoutes`, DRY_RUN),
];

function calls(make: (stream: number, at: number) => Bytes): Bytes {
  return Array.from({ length: CALLS }, (_, at) => make(2 * at + 1, at)).flat();
}

const LISTS = calls(LIST);
const MIXED = calls((stream, at) => OTHERS[at % OTHERS.length]?.(stream) ?? []);

const INITIAL_WINDOW_SIZE = 4;
const WIDE_HELLO = [
  ...PREFACE,
  ...frame(SETTINGS, 0, 0, [0, INITIAL_WINDOW_SIZE, 0x7f, 0xff, 0xff, 0xff]),
  ...frame(WINDOW_UPDATE, 0, 0, [0x7f, 0, 0, 0]),
];

/** How a kind reads. */
interface Reader {
  readonly hello: Bytes;
  readonly calls: Bytes;
  /** Once it was let in, it does not read from its socket. */
  readonly deaf?: true;
  /** It opens each window by a byte, again and again. */
  readonly trickles?: true;
}

const READERS: Readonly<Record<string, Reader>> = {
  "without a window": { hello: SPEECHLESS_HELLO, calls: LISTS },
  "without a window, of other calls": { hello: SPEECHLESS_HELLO, calls: MIXED },
  "that leave their sockets unread": { hello: WIDE_HELLO, calls: LISTS, deaf: true },
  "byte by byte": { hello: SPEECHLESS_HELLO, calls: LISTS, trickles: true },
};

const counts = { opened: 0, greeted: 0, ended: 0, calls: 0, bytes: 0 };

/** One connection after another. */
function read(reader: Reader): void {
  const socket = connect(PORT, "127.0.0.1");
  let greeted = false;
  let trickling: ReturnType<typeof setInterval> | undefined;
  counts.opened += 1;
  socket.on("error", () => {});
  socket.on("close", () => {
    clearInterval(trickling);
    counts.ended += 1;
    setTimeout(() => read(reader), AGAIN_MS);
  });
  socket.write(new Uint8Array(reader.hello));
  const frames = frameReader(({ type, flags, payload }) => {
    if (type === SETTINGS && !greeted) {
      greeted = true;
      counts.greeted += 1;
      counts.calls += CALLS;
      const greeting = [...frame(SETTINGS, ACK, 0, []), ...reader.calls];
      socket.write(new Uint8Array(greeting));
      if (reader.deaf) socket.pause();
      if (reader.trickles) {
        trickling = setInterval(() => socket.write(TRICKLE), TRICKLE_MS);
      }
    } else if (type === PING && (flags & ACK) === 0) {
      // Its keep-alive does not detect a client that reads no answer.
      socket.write(new Uint8Array(frame(PING, ACK, 0, [...payload])));
    } else if (type === DATA) counts.bytes += payload.length;
  });
  socket.on("data", (part: Uint8Array) => frames(part));
}

const TRICKLE = new Uint8Array(
  calls((stream) => frame(WINDOW_UPDATE, 0, stream, [0, 0, 0, 1])),
);

const [kind = "", count = ""] = Deno.args;
const reader = READERS[kind];
if (reader === undefined) throw new Error(`No such readers: ${kind}`);
for (let left = Number(count); left > 0; left -= 1) read(reader);
setInterval(() => {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(counts)}\n`));
}, TELL_MS);
