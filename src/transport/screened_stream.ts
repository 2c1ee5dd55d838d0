import { status } from "@grpc/grpc-js";
import {
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { dropHttpSpan } from "../observability/http_span.ts";
import { MessageValidator } from "./message_validator.ts";
import {
  type RequestContext,
  requestEncoding,
  screenRequest,
  trailersOnly,
  type WholeResponse,
} from "./request_head.ts";

/**
 * Screens a request before grpc-js gets its stream: answers it, or checks its body and ends
 * the call at the first invalid byte.
 *
 * @returns the headers for grpc-js; undefined if grpc-js must not get the stream
 */
export function screenStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  context: RequestContext,
): IncomingHttpHeaders | undefined {
  dropHttpSpan(stream);
  const screened = screenRequest(headers, context);
  switch (screened.kind) {
    case "response":
      answer(stream, screened.response);
      return undefined;
    case "call":
      validateBody(stream, requestEncoding(screened.headers));
      return screened.headers;
    default:
      return screened satisfies never;
  }
}

/** Until then, what else the client sends is discarded. */
async function answer(
  stream: ServerHttp2Stream,
  response: WholeResponse | Promise<WholeResponse>,
): Promise<void> {
  if (!(response instanceof Promise)) return respond(stream, response);
  stream.resume();
  respond(stream, await response);
}

/** A client that is answered already has so long to end its request. */
const END_MS = 1_000;

/**
 * Sends the whole response, unless the stream is closed. If the client does not end its
 * request within a second, RST_STREAM with NO_ERROR tells it to stop (RFC 9113, 8.1). Sent
 * at once, curl 7.88 would take that for a failure while the end is on its way.
 */
function respond(
  stream: ServerHttp2Stream,
  { body, headers }: WholeResponse,
): void {
  if (stream.destroyed || stream.closed) return;
  try {
    stream.respond(headers, { endStream: body.length === 0 });
    if (body.length > 0) {
      // By write(), where what the client has not taken is counted.
      stream.write(body);
      stream.end();
    }
  } catch {
    stream.destroy();
    return;
  }
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), END_MS);
  stream.once("close", () => clearTimeout(timer));
  // The rest of the request is discarded.
  stream.resume();
}

/** Its listeners run before those of grpc-js, which pauses the stream in the meantime. */
function validateBody(stream: ServerHttp2Stream, encoding: string): void {
  const validator = new MessageValidator(encoding);
  const reject = (sentence: string | undefined): void => {
    if (sentence === undefined) return;
    // grpc-js ignores data on a closed stream.
    if (stream.headersSent) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else {
      respond(stream, trailersOnly(status.INTERNAL, sentence));
      // At once, because grpc-js must not carry out the messages before.
      stream.close(constants.NGHTTP2_NO_ERROR);
    }
  };
  stream.on("data", (bytes: Uint8Array) => reject(validator.receive(bytes)));
  stream.on("end", () => reject(validator.end()));
}
