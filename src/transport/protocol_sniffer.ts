import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { formatHealthz, type HealthStatus, HEALTHZ_LINE } from "./healthz.ts";

/** What every HTTP/2 client sends first: RFC 9113, 3.4. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const HEALTHZ = Buffer.from(HEALTHZ_LINE);
/** Bytes that the one request of HTTP/1.1 may have with its headers; kubelet's has 120. */
const MOST_HEALTHZ_BYTES = 2_048;
/** What is read of a client that waits for its turn; more stays in the kernel. */
const MOST_HEARD_BYTES = 16 * 1024;
/** A client that speaks HTTP/2 does so at once. */
const PATIENCE_MS = 10_000;

/** What a connection is, by the first bytes on it. */
type Greeting = "http2" | "healthz" | "unclear" | "neither";

/** What is done with a connection whose client has begun to speak HTTP/2. */
export interface Greeted {
  /**
   * Calls back when it is its turn to be served.
   *
   * @returns what gives its turn up: the client has gone
   */
  queue(enter: () => void): () => void;
  /**
   * Serves it; the socket is paused.
   *
   * @param heard all that was read of it, from the preface on
   */
  serve(heard: Uint8Array): void;
}

/**
 * Hands a connection on when its client has begun to speak HTTP/2 and it has its turn,
 * answers `GET /healthz`, and ends it if it speaks anything else. Deno 2.9.3 keeps some
 * 20 KB of every HTTP/2 session for as long as the process lives, so whoever only knocks
 * must not get one, nor who has gone before its turn: it is read until then, or nobody
 * would know.
 */
export function awaitPreface(
  socket: Socket,
  greeted: Greeted,
  status: () => HealthStatus,
): void {
  const end = (): void => void socket.destroy();
  const timer = setTimeout(end, PATIENCE_MS);
  socket.once("close", () => clearTimeout(timer));
  let heard = Buffer.alloc(0);
  let greeting: Greeting = "unclear";
  const enter = (): void => {
    socket.off("data", hear);
    socket.off("end", end);
    socket.pause();
    greeted.serve(heard);
  };
  const hear = (part: Uint8Array): void => {
    heard = Buffer.concat([heard, part]);
    if (heard.length > MOST_HEARD_BYTES) socket.pause();
    if (greeting !== "unclear") return;
    greeting = greetingIn(heard);
    switch (greeting) {
      case "unclear":
        break;
      case "neither":
        end();
        break;
      case "healthz":
        socket.off("end", end);
        socket.end(formatHealthz(status()));
        break;
      case "http2":
        clearTimeout(timer);
        socket.once("close", greeted.queue(enter));
        break;
      default:
        greeting satisfies never;
    }
  };
  socket.on("data", hear);
  socket.on("end", end);
  socket.resume();
}

function greetingIn(heard: Buffer): Greeting {
  if (beginAlike(heard, PREFACE)) {
    return heard.length < PREFACE.length ? "unclear" : "http2";
  }
  if (!beginAlike(heard, HEALTHZ)) return "neither";
  const headers = heard.subarray(0, MOST_HEALTHZ_BYTES);
  if (headers.includes("\r\n\r\n")) return "healthz";
  return heard.length < MOST_HEALTHZ_BYTES ? "unclear" : "neither";
}

function beginAlike(one: Buffer, other: Buffer): boolean {
  const length = Math.min(one.length, other.length);
  return one.subarray(0, length).equals(other.subarray(0, length));
}
