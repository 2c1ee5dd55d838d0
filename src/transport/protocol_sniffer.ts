import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import {
  answerProbe,
  formatProbe,
  HEALTHZ_LINE,
  type ProbePath,
  type ProbeSource,
  READYZ_LINE,
} from "./healthz.ts";

/** The connection preface, which every HTTP/2 client sends first: RFC 9113, 3.4. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const PROBES = [
  { path: "/healthz", line: Buffer.from(HEALTHZ_LINE) },
  { path: "/readyz", line: Buffer.from(READYZ_LINE) },
] as const;
/** The longest request in HTTP/1.1 with its headers; kubelet's has 120 bytes. */
const MAX_PROBE_BYTES = 2_048;
/** Read from a client that waits in the queue; the rest stays in the kernel. */
const MAX_BUFFERED_BYTES = 16 * 1024;
/** A client must have sent its preface, or its request, by then. */
const TIMEOUT_MS = 10_000;

/** What the first bytes of a connection show. */
type Protocol =
  | { readonly kind: "http2" }
  | { readonly kind: "probe"; readonly path: ProbePath }
  | { readonly kind: "undecided" }
  | { readonly kind: "unknown" };

/** What {@linkcode sniffProtocol} does with an HTTP/2 connection. */
export interface SniffedHandler {
  /**
   * Queues the connection.
   *
   * @param accept to be called when it is the connection's turn
   * @returns removes it from the queue, because the client has gone
   */
  enqueue(accept: () => void): () => void;
  /**
   * Serves the connection, whose socket is paused.
   *
   * @param received all bytes that were read, from the preface on
   */
  serve(received: Uint8Array): void;
}

/**
 * Reads the first bytes of a connection and decides by them: an HTTP/2 connection is queued
 * and served, `GET /healthz` and `GET /readyz` are answered, and any other connection is
 * closed. Only a client that has sent its preface gets an HTTP/2 session, because Deno 2.9.3
 * keeps some 20 KB of each as long as the process lives.
 *
 * A queued connection is read on, because otherwise its end would not be noticed.
 */
export function sniffProtocol(
  socket: Socket,
  handler: SniffedHandler,
  source: ProbeSource,
): void {
  const destroy = (): void => void socket.destroy();
  const timer = setTimeout(destroy, TIMEOUT_MS);
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
    protocol = protocolOf(received);
    switch (protocol.kind) {
      case "undecided":
        break;
      case "unknown":
        destroy();
        break;
      case "probe":
        socket.off("end", destroy);
        socket.end(formatProbe(answerProbe(protocol.path, source)));
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

function protocolOf(received: Buffer): Protocol {
  if (haveCommonStart(received, PREFACE)) {
    return { kind: received.length < PREFACE.length ? "undecided" : "http2" };
  }
  // While a request is shorter than its line, it may be one of either.
  const probe = PROBES.find(({ line }) => haveCommonStart(received, line));
  if (probe === undefined) return { kind: "unknown" };
  const request = received.subarray(0, MAX_PROBE_BYTES);
  if (request.includes("\r\n\r\n")) return { kind: "probe", path: probe.path };
  return { kind: received.length < MAX_PROBE_BYTES ? "undecided" : "unknown" };
}

function haveCommonStart(one: Buffer, other: Buffer): boolean {
  const length = Math.min(one.length, other.length);
  return one.subarray(0, length).equals(other.subarray(0, length));
}
