import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { RefusalReason } from "../observability/instruments.ts";
import type { TextPage } from "../shared/text_page.ts";
import {
  findPage,
  formatPageHead,
  type Page,
  PAGE_PATHS,
  type PageSource,
} from "./pages.ts";

/** The connection preface, which every HTTP/2 client sends first: RFC 9113, 3.4. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** The only request lines of HTTP/1.1 that are answered: RFC 9112, 3. */
const REQUEST_LINES = PAGE_PATHS.map((path) => ({
  path,
  line: Buffer.from(`GET ${path} HTTP/1.1\r\n`),
}));
/**
 * The longest request in HTTP/1.1 with its headers: kubelet's has 120 bytes, and that of
 * Prometheus 500, with a bearer token 1,500 more.
 */
const MAX_REQUEST_BYTES = 4_096;
/** Read from a client that waits in the queue; the rest stays in the kernel. */
const MAX_BUFFERED_BYTES = 16 * 1024;
/** A client must have sent its preface by then, or taken the answer to its request. */
const TIMEOUT_MS = 10_000;

/** The protocol that the first bytes of a connection show. */
type Protocol =
  | { readonly kind: "http2" }
  | {
    readonly kind: "page";
    readonly page: Page;
    /** The value of the request's Accept header. */
    readonly accept: string | undefined;
  }
  | { readonly kind: "undecided" }
  | { readonly kind: "unknown" };

/** What {@linkcode sniffProtocol} does with a connection. */
export interface SniffedHandler {
  /**
   * Queues an HTTP/2 connection.
   *
   * @param accept to be called when it is the connection's turn
   * @returns removes it from the queue, because the client has gone
   */
  enqueue(accept: () => void): () => void;
  /** The same for a connection of HTTP/1.1 whose page costs more than a probe. */
  enqueuePage(answer: () => void): () => void;
  /** Closes the connection. */
  refuse(reason: RefusalReason): void;
  /**
   * Serves the HTTP/2 connection, whose socket is paused.
   *
   * @param received all bytes that were read, from the preface on
   */
  serve(received: Uint8Array): void;
}

/**
 * Reads the first bytes of a connection and decides by them: an HTTP/2 connection is queued
 * and served, a GET request for a page is answered, and any other connection is closed. Only
 * a client that has sent its preface gets an HTTP/2 session, because Deno 2.9.3 keeps some 20
 * KB of each until the process ends.
 *
 * A queued connection is read on, because otherwise its end would not be noticed.
 */
export function sniffProtocol(
  socket: Socket,
  handler: SniffedHandler,
  source: PageSource,
): void {
  const destroy = (): void => void socket.destroy();
  const timer = setTimeout(
    () => handler.refuse(protocol.kind === "page" ? "untaken" : "silent"),
    TIMEOUT_MS,
  );
  socket.once("close", () => clearTimeout(timer));
  let received = Buffer.alloc(0);
  let protocol: Protocol = { kind: "undecided" };
  const accept = (): void => {
    socket.off("data", receive);
    socket.off("end", destroy);
    socket.pause();
    handler.serve(received);
  };
  const receive = (chunk: Uint8Array): void => {
    received = Buffer.concat([received, chunk]);
    if (received.length > MAX_BUFFERED_BYTES) socket.pause();
    if (protocol.kind !== "undecided") return;
    protocol = protocolOf(received, source);
    switch (protocol.kind) {
      case "undecided":
        break;
      case "unknown":
        handler.refuse("not-http");
        break;
      case "page":
        socket.off("end", destroy);
        answerPage(socket, handler, protocol.page, protocol.accept);
        break;
      case "http2":
        clearTimeout(timer);
        socket.once("close", handler.enqueue(accept));
        break;
      default:
        protocol satisfies never;
    }
  };
  socket.on("data", receive);
  socket.on("end", destroy);
  socket.resume();
}

/** The timer that runs already ends a connection whose client does not take the answer. */
function answerPage(
  socket: Socket,
  handler: SniffedHandler,
  page: Page,
  accept: string | undefined,
): void {
  switch (page.kind) {
    case "probe":
      sendPage(socket, page.answer());
      break;
    case "metrics":
      // The client may close its side of the connection before the page is made.
      socket.allowHalfOpen = true;
      socket.once(
        "close",
        handler.enqueuePage(async () => sendPage(socket, await page.render(accept))),
      );
      break;
    default:
      page satisfies never;
  }
}

function sendPage(socket: Socket, page: TextPage): void {
  if (socket.destroyed) return;
  // In one write. The body is not copied for each client.
  socket.cork();
  socket.write(formatPageHead(page));
  socket.end(page.body);
}

function protocolOf(received: Buffer, source: PageSource): Protocol {
  if (haveCommonStart(received, PREFACE)) {
    return { kind: received.length < PREFACE.length ? "undecided" : "http2" };
  }
  // While a request is shorter than its line, it may be one of several.
  const found = REQUEST_LINES.find(({ line }) => haveCommonStart(received, line));
  if (found === undefined) return { kind: "unknown" };
  const request = received.subarray(0, MAX_REQUEST_BYTES);
  const end = request.indexOf("\r\n\r\n");
  if (end < 0) {
    return { kind: received.length < MAX_REQUEST_BYTES ? "undecided" : "unknown" };
  }
  const page = findPage(found.path, source);
  if (page === undefined) return { kind: "unknown" };
  const headers = request.toString("latin1", found.line.length, end);
  return { kind: "page", page, accept: acceptOf(headers) };
}

/** The Accept header among others; several count as one with commas: RFC 9110, 5.3. */
function acceptOf(headers: string): string | undefined {
  const values = headers.split("\r\n")
    .flatMap((line) => /^accept:(.*)$/i.exec(line)?.[1] ?? []);
  return values.length === 0 ? undefined : values.join(",");
}

function haveCommonStart(one: Buffer, other: Buffer): boolean {
  const length = Math.min(one.length, other.length);
  return one.subarray(0, length).equals(other.subarray(0, length));
}
