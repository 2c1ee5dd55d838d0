/** What no client does to a gRPC server, byte by byte. */
import type { Random } from "../support/random.ts";
import {
  ascii,
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

function someBytes(random: Random, most: number): Bytes {
  return Array.from({ length: Math.floor(random() * most) }, () => random() * 256 | 0);
}

const GRPC = headersOf("/quilt.QuiltRuntime/InjectRoute", "application/grpc");

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
export interface Attack {
  readonly exchanges: number;
  readonly bytes: Bytes;
  /** Whether the connection is held then, and never read. */
  readonly unread?: true;
}

const STREAMS = 8;

/**
 * Calls with unread answers: several times what the kernel holds where the test
 * has made the buffers of sockets small. A bare server repeats the name of a method that
 * it does not know, 90 KB of headers, which no window of HTTP/2 holds back. The sidecar
 * cuts names, but describes itself: 55 KB.
 */
const UNREAD = 16;
const LONG_NAME = headersOf(`/${"x".repeat(6_000)}`);
const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const FILE_NAME = ascii("quilt_sidecar.proto");
/** A `ServerReflectionRequest` with `file_by_filename`, field 3. */
const QUESTION = [0x1a, FILE_NAME.length, ...FILE_NAME];
const QUESTIONS = Array.from(
  { length: UNREAD },
  () => [0, 0, 0, 0, QUESTION.length, ...QUESTION],
).flat();

/** All kinds of attacks, by their names. */
export const KINDS: Readonly<Record<string, (random: Random) => Attack>> = {
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
    exchanges: UNREAD + 1,
    bytes: [
      ...HELLO,
      ...onStreams(UNREAD, (stream) => call(stream, LONG_NAME, [0, 0, 0, 0, 0])),
      ...call(2 * UNREAD + 1, headersOf(REFLECTION), QUESTIONS),
    ],
    unread: true,
  }),
};
