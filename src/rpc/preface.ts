import type { Socket } from "node:net";

/** What every HTTP/2 client sends first: RFC 9113, 3.4. */
const PREFACE = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** A client that speaks HTTP/2 does so at once. */
const PATIENCE_MS = 10_000;

/**
 * Hands a connection on as soon as its client has begun to speak HTTP/2, and ends it if
 * it speaks anything else. Deno 2.9.3 keeps some 20 KB of every HTTP/2 session for as
 * long as the process lives, so whoever only knocks must not get one.
 */
export function awaitPreface(socket: Socket, serve: (socket: Socket) => void): void {
  const end = (): void => void socket.destroy();
  const timer = setTimeout(end, PATIENCE_MS);
  socket.once("close", () => clearTimeout(timer));
  const parts: Uint8Array[] = [];
  let length = 0;
  const hear = (part: Uint8Array): void => {
    if (!continuesPreface(part, length)) return end();
    parts.push(part);
    length += part.length;
    if (length < PREFACE.length) return;
    clearTimeout(timer);
    socket.off("data", hear);
    socket.off("end", end);
    socket.pause();
    for (const heard of parts.toReversed()) socket.unshift(heard);
    serve(socket);
  };
  socket.on("data", hear);
  socket.on("end", end);
  socket.resume();
}

function continuesPreface(part: Uint8Array, at: number): boolean {
  const expected = PREFACE.subarray(at, at + part.length);
  return expected.every((byte, index) => part[index] === byte);
}
