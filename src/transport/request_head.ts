import { status } from "@grpc/grpc-js";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { DEADLINE_EXCEEDED } from "../shared/deadline_exceeded.ts";
import { quote } from "../shared/quote.ts";
import type { TextPage } from "../shared/text_page.ts";
import { findPage, type Page, pageHeaders, type PageSource } from "./pages.ts";

/** The settings that the response depends on besides the request. */
export interface RequestContext extends PageSource {
  /** Whether a method with that path is served, e.g. `/quilt.QuiltRuntime/InjectRoute`. */
  isServed(path: string): boolean;
}

/** The result of {@linkcode screenRequest}. */
export type ScreenedRequest =
  | {
    /** A call for grpc-js to handle. */
    readonly kind: "call";
    /** The headers in a form that grpc-js handles correctly. */
    readonly headers: IncomingHttpHeaders;
  }
  | {
    /** A request that is answered without grpc-js. */
    readonly kind: "response";
    /** A promise never rejects. */
    readonly response: WholeResponse | Promise<WholeResponse>;
  };

/** A response without trailers. */
export interface WholeResponse {
  /** With `:status`. */
  readonly headers: OutgoingHttpHeaders;
  /** Empty: the headers end the stream (END_STREAM), which gRPC calls Trailers-Only. */
  readonly body: Uint8Array;
}

/**
 * Checks the headers of an HTTP/2 request. It enforces what gRPC's PROTOCOL-HTTP2.md demands
 * and grpc-js 1.14.7 does not check, in the order of this table.
 *
 * | request                                  | response                                |
 * | ---------------------------------------- | --------------------------------------- |
 * | `GET` or `HEAD` of `/healthz`, `/readyz` | 200 `SERVING`, or 503 `NOT_SERVING`     |
 * | `GET` or `HEAD` of `/metrics`, if served | 200 with the metrics, in a later turn   |
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
  context: RequestContext,
): ScreenedRequest {
  const path = textOf(headers[":path"]) ?? "";
  const method = textOf(headers[":method"]) ?? "";
  const page = findPage(path, context);
  const allowed = page === undefined ? CALL_METHODS : PAGE_METHODS;
  if (page !== undefined && allowed.includes(method)) {
    const response = respondPage(method, page, textOf(headers["accept"]));
    return { kind: "response", response };
  }
  if (method !== "POST") return respondMethod(method, allowed);
  const type = textOf(headers["content-type"]) ?? "";
  if (!GRPC_CONTENT_TYPE.test(type)) return respondContentType(type);
  const timeoutText = textOf(headers["grpc-timeout"]);
  const timeout = parseTimeout(timeoutText);
  if (timeout.kind === "malformed") {
    return respondStatus(
      status.INTERNAL,
      `Invalid grpc-timeout ${quote(timeoutText ?? "")}; ` +
        "use at most 8 digits and one of H, M, S, m, u, n",
    );
  }
  if (!context.isServed(path)) {
    return respondStatus(
      status.UNIMPLEMENTED,
      `No method ${quote(path)} on this server`,
    );
  }
  const encoding = requestEncoding(headers);
  if (!ENCODINGS.includes(encoding)) return respondEncoding(encoding);
  if (timeout.kind === "expired") {
    return respondStatus(status.DEADLINE_EXCEEDED, DEADLINE_EXCEEDED);
  }
  const passed: IncomingHttpHeaders = {
    ...headers,
    "content-type": type.toLowerCase(),
  };
  // grpc-js computes the deadline with 32 bits, so 30 days would be in the past.
  if (timeout.kind === "unlimited") delete passed["grpc-timeout"];
  return { kind: "call", headers: passed };
}

/** The compression of a request's messages; `identity`: none. */
export function requestEncoding(headers: IncomingHttpHeaders): string {
  return textOf(headers["grpc-encoding"]) || IDENTITY;
}

/**
 * The response to a call without a message: Trailers-Only of PROTOCOL-HTTP2.md.
 *
 * @param more headers to add or to replace
 */
export function trailersOnly(
  code: status,
  sentence: string,
  more: OutgoingHttpHeaders = {},
): WholeResponse {
  const headers = {
    ":status": 200,
    "content-type": "application/grpc",
    "grpc-status": String(code),
    "grpc-message": encodeGrpcMessage(sentence),
    ...more,
  };
  return { headers, body: NOTHING };
}

const NOTHING = new Uint8Array();

const PAGE_METHODS = ["GET", "HEAD"];
const CALL_METHODS = ["POST"];

/** The encodings of grpc-js 1.14.7. */
const IDENTITY = "identity";
const ENCODINGS = [IDENTITY, "deflate", "gzip"];

/** `application/grpc-web` is another protocol. Media types ignore case: RFC 9110, 8.3.1. */
const GRPC_CONTENT_TYPE = /^application\/grpc(?:$|[+;])/i;

function respondPage(
  method: string,
  page: Page,
  accept: string | undefined,
): WholeResponse | Promise<WholeResponse> {
  const respond = (shown: TextPage): WholeResponse => ({
    headers: pageHeaders(shown),
    body: method === "HEAD" ? NOTHING : shown.body,
  });
  switch (page.kind) {
    case "probe":
      return respond(page.answer());
    case "metrics":
      return page.render(accept).then(respond);
    default:
      return page satisfies never;
  }
}

/** RFC 9110, 15.5.6: the response lists the allowed methods. */
function respondMethod(method: string, allowed: readonly string[]): ScreenedRequest {
  const allow = allowed.join(", ");
  const sentence = `Method ${quote(method)} is not allowed; use ${allow}`;
  return respondStatus(status.INTERNAL, sentence, { ":status": 405, allow });
}

/** The status is not 200, so no other HTTP client takes the response for a success. */
function respondContentType(type: string): ScreenedRequest {
  const sentence = `Invalid content-type ${quote(type)}; use application/grpc`;
  return respondStatus(status.INVALID_ARGUMENT, sentence, { ":status": 415 });
}

/** compression.md of gRPC: the response lists the supported encodings. */
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

/** The longest timer that Deno and Node.js have, in milliseconds: 24.8 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const TIMEOUT = /^(\d{1,8})([HMSmun])$/;

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** A parsed `grpc-timeout`. */
type RequestTimeout =
  | { readonly kind: "none" }
  /** Not as PROTOCOL-HTTP2.md defines it. */
  | { readonly kind: "malformed" }
  /** Less than a millisecond. */
  | { readonly kind: "expired" }
  | { readonly kind: "limited" }
  /** Longer than any timer, which is in effect no deadline. */
  | { readonly kind: "unlimited" };

/** Parses a `grpc-timeout`: at most 8 digits and a unit, as in PROTOCOL-HTTP2.md. */
function parseTimeout(header: string | undefined): RequestTimeout {
  if (header === undefined) return { kind: "none" };
  const [, value, unit = ""] = TIMEOUT.exec(header) ?? [];
  const factor = UNIT_MS[unit];
  if (value === undefined || factor === undefined) return { kind: "malformed" };
  const ms = Number(value) * factor;
  if (ms < 1) return { kind: "expired" };
  return ms > LONGEST_TIMER_MS ? { kind: "unlimited" } : { kind: "limited" };
}

/** Printable ASCII without the percent sign, which `grpc-message` carries unencoded. */
const UNRESERVED = /^[ -$&-~]*$/;

const encoder = new TextEncoder();

/**
 * Encodes a text as the value of `grpc-message`: Percent-Encoded of PROTOCOL-HTTP2.md. Each
 * byte of its UTF-8 that is not printable ASCII, and each percent sign, becomes `%` and two
 * hexadecimal digits. grpc-js sends some of its own messages unencoded.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(encodeGrpcMessage("50 % of é"), "50 %25 of %C3%A9");
 * ```
 */
export function encodeGrpcMessage(text: string): string {
  if (UNRESERVED.test(text)) return text;
  let encoded = "";
  for (const byte of encoder.encode(text)) {
    const character = String.fromCharCode(byte);
    encoded += UNRESERVED.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}
