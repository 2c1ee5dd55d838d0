/**
 * Sends requests over HTTP/2 that no gRPC library sends, on one connection each.
 *
 * `deno run -A tests/support/http2_request.ts PORT '[{"headers": {…}, "body": "00…"}]'`
 * prints an {@linkcode Http2Answer} a line, in the order of the requests.
 */
import { type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";

/** A request: its headers, and its body in hexadecimal. */
export interface Http2Request {
  readonly headers: Readonly<Record<string, string>>;
  /** @default {""} */
  readonly body?: string;
  /** Milliseconds after which it is cancelled. @default {5000} */
  readonly cancelMs?: number;
}

/** What came back. */
export interface Http2Answer {
  /** Undefined: none came. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The headers ended the stream. */
  readonly headersOnly: boolean;
  readonly trailers?: Readonly<Record<string, string>>;
  /** As UTF-8. */
  readonly body: string;
  /** The error code of the stream's end; 8 is CANCEL. */
  readonly rst: number;
}

const END_STREAM = 1;

/** Resolves when the stream is over. */
export async function send(port: number, request: Http2Request): Promise<Http2Answer> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  const { body = "", cancelMs = 5_000, headers } = request;
  const stream = session.request(headers, { endStream: false });
  const timer = setTimeout(() => stream.close(8), cancelMs);
  const answer = collect(stream);
  stream.end(Uint8Array.from(body.match(/../g) ?? [], (byte) => parseInt(byte, 16)));
  const collected = await answer;
  clearTimeout(timer);
  session.destroy();
  return collected;
}

function collect(stream: ClientHttp2Stream): Promise<Http2Answer> {
  const { promise, resolve } = Promise.withResolvers<Http2Answer>();
  let answer: Omit<Http2Answer, "rst"> = { headersOnly: false, body: "" };
  stream.on("response", (headers, flags) => {
    const headersOnly = (flags & END_STREAM) !== 0;
    answer = { ...answer, headers: plain(headers), headersOnly };
  });
  stream.on("trailers", (trailers) => {
    answer = { ...answer, trailers: plain(trailers) };
  });
  const decoder = new TextDecoder();
  stream.on("data", (part: Uint8Array) => {
    answer = { ...answer, body: answer.body + decoder.decode(part, { stream: true }) };
  });
  stream.on("error", () => {});
  stream.on("close", () => resolve({ ...answer, rst: stream.rstCode ?? 0 }));
  return promise;
}

function plain(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, String(value)]),
  );
}

if (import.meta.main) {
  const [port, text = "[]"] = Deno.args;
  const requests: readonly Http2Request[] = JSON.parse(text);
  for (const request of requests) {
    const line = `${JSON.stringify(await send(Number(port), request))}\n`;
    await Deno.stdout.write(new TextEncoder().encode(line));
  }
  Deno.exit();
}
