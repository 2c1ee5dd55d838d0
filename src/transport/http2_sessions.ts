import type { Server } from "@grpc/grpc-js";
import { constants, type Http2Server, type ServerHttp2Session } from "node:http2";
import { Server as NetServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Returns the HTTP/2 server inside grpc-js. The public interface of grpc-js shows neither
 * its sessions nor streams that are not calls of its services. Without them a connection
 * cannot be closed in order (RFC 9113, 6.8), and errors cannot be contained. No other
 * private field of grpc-js 1.14 is read, and none elsewhere.
 *
 * @throws {TypeError} if this version of grpc-js keeps it elsewhere; then nothing is served
 */
export function http2ServerOf(server: Server): Http2Server {
  const servers: unknown = Reflect.get(server, "http2Servers");
  const found: readonly unknown[] = servers instanceof Map ? [...servers.keys()] : [];
  const http2Server = found.find(isHttp2Server);
  if (http2Server !== undefined) return http2Server;
  throw new TypeError("This grpc-js has no HTTP/2 server where 1.14 has it");
}

function isHttp2Server(value: unknown): value is Http2Server {
  return value instanceof NetServer && "updateSettings" in value;
}

/** The PING of a graceful shutdown takes one round trip; the wait for it ends then. */
const PING_TIMEOUT_MS = 500;

/** It names the highest possible stream, because every call may have been carried out. */
const GOAWAY_NO_ERROR = goaway(constants.NGHTTP2_NO_ERROR);

/** The GOAWAY frame for a client that has passed a limit: ENHANCE_YOUR_CALM. */
export const GOAWAY_ENHANCE_YOUR_CALM = goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);

/** A frame of type 7 with 8 octets, RFC 9113, 4.1 and 6.8. */
function goaway(code: number): Uint8Array {
  return new Uint8Array([
    ...[0, 0, 8, 7, 0, 0, 0, 0, 0],
    ...[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, code],
  ]);
}

/**
 * Graceful shutdown of a session, RFC 9113, 6.8: tells the client to open no more streams,
 * waits until it has received that, and closes the session, which ends when all calls that
 * have come by then are answered.
 *
 * grpc-js and node:http2 send one GOAWAY with the last stream at once. A call that is on its
 * way at that moment fails, and tonic does not repeat it.
 *
 * The first GOAWAY is written past the session: after nghttp2 has sent one, whatever stream
 * it names, nghttp2 drops every new stream silently, also those on their way.
 *
 * @returns when the client has received the GOAWAY, after at most 500 ms
 */
export async function shutDownSession(
  session: ServerHttp2Session,
  socket: Socket,
): Promise<void> {
  const { promise: received, resolve } = Promise.withResolvers<void>();
  session.once("close", resolve);
  try {
    socket.write(GOAWAY_NO_ERROR);
    session.ping(() => resolve());
  } catch {
    // The session ended this very moment.
    resolve();
  }
  await Promise.race([received, delay(PING_TIMEOUT_MS)]);
  session.close();
}
