import { status } from "@grpc/grpc-js";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { quote } from "../shared/quote.ts";
import { encodeGrpcMessage } from "./grpc_message.ts";
import type { HealthStatus } from "./healthz.ts";
import { DEADLINE_EXCEEDED } from "../api/call_messages.ts";
import { readRequestTimeout } from "./request_timeout.ts";

/** What the answer to a request depends on, besides the request. */
export interface ServedPaths {
  /** Whether a method of that path is served, e.g. `/quilt.QuiltRuntime/InjectRoute`. */
  serves(path: string): boolean;
  /** What `GET /healthz` is answered. */
  health(): HealthStatus;
}

/** What becomes of a request. */
export type ScreenedRequest =
  | {
    /** grpc-js handles it. */
    readonly kind: "call";
    /** The request's headers in the form that grpc-js reads correctly. */
    readonly headers: IncomingHttpHeaders;
  }
  | {
    /** It is answered at once, and grpc-js must not see it. */
    readonly kind: "response";
    readonly response: ImmediateResponse;
  };

/** An answer that needs nothing but the head of its request. */
export interface ImmediateResponse {
  /** With `:status`. */
  readonly headers: OutgoingHttpHeaders;
  /** Empty: the headers end the stream (END_STREAM), which gRPC calls Trailers-Only. */
  readonly body: string;
}

/**
 * Decides by its headers alone what becomes of an HTTP/2 request: what gRPC's
 * PROTOCOL-HTTP2.md demands and grpc-js 1.14.7 does not check, in the order of this list.
 *
 * | request                                  | answer                                  |
 * | ---------------------------------------- | --------------------------------------- |
 * | `GET` or `HEAD` of `/healthz`            | 200 `SERVING`, or 503 `NOT_SERVING`     |
 * | a method other than POST                 | 405 with `allow`                        |
 * | a content-type other than gRPC's         | 415                                     |
 * | a malformed `grpc-timeout`               | INTERNAL                                |
 * | a path that is not served                | UNIMPLEMENTED                           |
 * | a `grpc-encoding` that is not supported  | UNIMPLEMENTED, `grpc-accept-encoding`   |
 * | a `grpc-timeout` under 1 ms              | DEADLINE_EXCEEDED                       |
 *
 * A request without `te: trailers` is accepted, as grpc-go does: the header detects
 * proxies, and simple clients such as curl do not send it.
 */
export function screenRequest(
  headers: IncomingHttpHeaders,
  served: ServedPaths,
): ScreenedRequest {
  const path = textOf(headers[":path"]) ?? "";
  const method = textOf(headers[":method"]) ?? "";
  const allowed = path === HEALTHZ_PATH ? HEALTHZ_METHODS : CALL_METHODS;
  if (path === HEALTHZ_PATH && allowed.includes(method)) {
    return respondHealth(method, served.health());
  }
  if (method !== "POST") return respondMethod(method, allowed);
  const type = textOf(headers["content-type"]) ?? "";
  if (!GRPC_CONTENT_TYPE.test(type)) return respondContentType(type);
  const timeoutText = textOf(headers["grpc-timeout"]);
  const timeout = readRequestTimeout(timeoutText);
  if (timeout.kind === "malformed") {
    return respondStatus(
      status.INTERNAL,
      `Invalid grpc-timeout ${quote(timeoutText ?? "")}; ` +
        "use at most 8 digits and one of H, M, S, m, u, n",
    );
  }
  if (!served.serves(path)) {
    return respondStatus(
      status.UNIMPLEMENTED,
      `No method ${quote(path)} on this server`,
    );
  }
  const encoding = requestEncoding(headers);
  if (!ENCODINGS.includes(encoding)) return respondEncoding(encoding);
  if (timeout.kind === "over") {
    return respondStatus(status.DEADLINE_EXCEEDED, DEADLINE_EXCEEDED);
  }
  const passed: IncomingHttpHeaders = {
    ...headers,
    "content-type": type.toLowerCase(),
  };
  // grpc-js computes the deadline with 32 bits: 30 days would be in the past.
  if (timeout.kind === "endless") delete passed["grpc-timeout"];
  return { kind: "call", headers: passed };
}

/** How the messages of a request are compressed; `identity`: not at all. */
export function requestEncoding(headers: IncomingHttpHeaders): string {
  return textOf(headers["grpc-encoding"]) || IDENTITY;
}

/**
 * An answer to a call without a message: Trailers-Only of PROTOCOL-HTTP2.md.
 *
 * @param more further headers, or others in the place of those
 */
export function trailersOnly(
  code: status,
  sentence: string,
  more: OutgoingHttpHeaders = {},
): ImmediateResponse {
  const headers = {
    ":status": 200,
    "content-type": "application/grpc",
    "grpc-status": String(code),
    "grpc-message": encodeGrpcMessage(sentence),
    ...more,
  };
  return { headers, body: "" };
}

const HEALTHZ_PATH = "/healthz";
const HEALTHZ_METHODS = ["GET", "HEAD"];
const CALL_METHODS = ["POST"];

/** Of grpc-js 1.14.7. */
const IDENTITY = "identity";
const ENCODINGS = [IDENTITY, "deflate", "gzip"];

/** `application/grpc-web` is another protocol. Media types ignore case: RFC 9110, 8.3.1. */
const GRPC_CONTENT_TYPE = /^application\/grpc(?:$|[+;])/i;

const HEALTH_STATUS: { readonly [Status in HealthStatus]: number } = {
  SERVING: 200,
  NOT_SERVING: 503,
};

function respondHealth(method: string, health: HealthStatus): ScreenedRequest {
  const headers = {
    ":status": HEALTH_STATUS[health],
    "content-type": "text/plain",
    "content-length": String(health.length),
  };
  const body = method === "HEAD" ? "" : health;
  return { kind: "response", response: { headers, body } };
}

/** RFC 9110, 15.5.6: the answer names what is allowed. */
function respondMethod(method: string, allowed: readonly string[]): ScreenedRequest {
  const allow = allowed.join(", ");
  const sentence = `Method ${quote(method)} is not allowed; use ${allow}`;
  return respondStatus(status.INTERNAL, sentence, { ":status": 405, allow });
}

/** Not 200, so that no other client of HTTP/2 takes the answer for a success. */
function respondContentType(type: string): ScreenedRequest {
  const sentence = `Invalid content-type ${quote(type)}; use application/grpc`;
  return respondStatus(status.INVALID_ARGUMENT, sentence, { ":status": 415 });
}

/** gRPC's compression.md: the client learns what it can use. */
function respondEncoding(encoding: string): ScreenedRequest {
  const sentence = `Cannot decompress ${quote(encoding)}; use ${ENCODINGS.join(", ")}`;
  const more = { "grpc-accept-encoding": ENCODINGS.join(",") };
  return respondStatus(status.UNIMPLEMENTED, sentence, more);
}

function respondStatus(
  code: status,
  sentence: string,
  more: OutgoingHttpHeaders = {},
): ScreenedRequest {
  return { kind: "response", response: trailersOnly(code, sentence, more) };
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(", ") : value;
}
