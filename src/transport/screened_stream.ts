import { status } from "@grpc/grpc-js";
import {
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { MessageFrames } from "./message_frames.ts";
import {
  type ImmediateResponse,
  requestEncoding,
  screenRequest,
  type ServedPaths,
  trailersOnly,
} from "./request_head.ts";

/**
 * Screens a request before grpc-js sees its stream: answers it at once, or follows the
 * bytes of its messages and ends the call at the first that cannot be.
 *
 * @returns the headers to hand on to grpc-js; undefined: it must not see the stream
 */
export function screenStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  served: ServedPaths,
): IncomingHttpHeaders | undefined {
  const screened = screenRequest(headers, served);
  switch (screened.kind) {
    case "response":
      respond(stream, screened.response);
      return undefined;
    case "call":
      followMessages(stream, requestEncoding(screened.headers));
      return screened.headers;
    default:
      return screened satisfies never;
  }
}

/** A request that is answered already may end by itself for so long. */
const END_MS = 1_000;

/**
 * Sends the whole answer. A client that does not end its request soon is told to send no
 * more (RFC 9113, 8.1), but not at once: curl 7.88 takes that for a failure while the end
 * is on its way. The stream may be over: then nobody waits for an answer.
 */
function respond(
  stream: ServerHttp2Stream,
  { body, headers }: ImmediateResponse,
): void {
  if (stream.destroyed || stream.closed) return;
  try {
    stream.respond(headers, { endStream: body === "" });
    if (body !== "") stream.end(body);
  } catch {
    stream.destroy();
    return;
  }
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), END_MS);
  stream.once("close", () => clearTimeout(timer));
  // Nothing of the rest is kept.
  stream.resume();
}

/** Its listeners stand before those of grpc-js, which pauses the stream meanwhile. */
function followMessages(stream: ServerHttp2Stream, encoding: string): void {
  const frames = new MessageFrames(encoding);
  const refuse = (sentence: string | undefined): void => {
    if (sentence === undefined) return;
    // grpc-js ignores what comes on a stream that is closed.
    if (stream.headersSent) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else {
      respond(stream, trailersOnly(status.INTERNAL, sentence));
      // At once: grpc-js must not carry out what came before.
      stream.close(constants.NGHTTP2_NO_ERROR);
    }
  };
  stream.on("data", (bytes: Uint8Array) => refuse(frames.read(bytes)));
  stream.on("end", () => refuse(frames.end()));
}
