import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { HealthStatus } from "../shared/health_status.ts";
import { formatHealthz, HEALTHZ_LINE } from "./healthz.ts";

/** The connection preface, which every HTTP/2 client sends first: RFC 9113, 3.4. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const HEALTHZ = Buffer.from(HEALTHZ_LINE);
/** The longest request in HTTP/1.1 with its headers; kubelet's has 120 bytes. */
const MAX_HEALTHZ_BYTES = 2_048;
/** Read from a client that waits in the queue; the rest stays in the kernel. */
const MAX_BUFFERED_BYTES = 16 * 1024;
/** A client must have sent its preface, or its request, by then. */
const TIMEOUT_MS = 10_000;

/** What the first bytes of a connection show. */
type Protocol = "http2" | "healthz" | "undecided" | "unknown";

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
 * and served, `GET /healthz` is answered, and any other connection is closed. Only a client
 * that has sent its preface gets an HTTP/2 session, because Deno 2.9.3 keeps some 20 KB of
 * each as long as the process lives.
 *
 * A queued connection is read on, because otherwise its end would not be noticed.
 */
export function sniffProtocol(
  socket: Socket,
  handler: SniffedHandler,
  healthStatus: () => HealthStatus,
): void {
  const destroy = (): void => void socket.destroy();
  const timer = setTimeout(destroy, TIMEOUT_MS);
  socket.once("close", () => clearTimeout(timer));
  let received = Buffer.alloc(0);
  let protocol: Protocol = "undecided";
  const accept = (): void => {
    socket.off("data", receive);
    socket.off("end", destroy);
    socket.pause();
    handler.serve(received);
  };
  const receive = (chunk: Uint8Array): void => {
    received = Buffer.concat([received, chunk]);
    if (received.length > MAX_BUFFERED_BYTES) socket.pause();
    if (protocol !== "undecided") return;
    protocol = protocolOf(received);
    switch (protocol) {
      case "undecided":
        break;
      case "unknown":
        destroy();
        break;
      case "healthz":
        socket.off("end", destroy);
        socket.end(formatHealthz(healthStatus()));
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
    return received.length < PREFACE.length ? "undecided" : "http2";
  }
  if (!haveCommonStart(received, HEALTHZ)) return "unknown";
  const request = received.subarray(0, MAX_HEALTHZ_BYTES);
  if (request.includes("\r\n\r\n")) return "healthz";
  return received.length < MAX_HEALTHZ_BYTES ? "undecided" : "unknown";
}

function haveCommonStart(one: Buffer, other: Buffer): boolean {
  const length = Math.min(one.length, other.length);
  return one.subarray(0, length).equals(other.subarray(0, length));
}
