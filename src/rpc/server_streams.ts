import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";

const CHANNEL = "http2.server.stream.created";

/**
 * Tells of every HTTP/2 stream that a client opens, whatever it carries, before anything
 * is done about it; for all servers of this process. grpc-js shows neither streams that
 * are no calls of its services nor the sessions, without which there is no orderly end
 * of a connection (RFC 9113, 6.8).
 *
 * @returns what ends it
 */
export function watchServerStreams(
  opened: (session: ServerHttp2Session, stream: ServerHttp2Stream) => void,
): () => void {
  const hear = (message: unknown): void => {
    const stream = at(message, "stream");
    const session = at(stream, "session");
    if (isServerStream(stream) && isServerSession(session)) opened(session, stream);
  };
  subscribe(CHANNEL, hear);
  return () => unsubscribe(CHANNEL, hear);
}

function at(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Reflect.get(value, name);
}

function isServerStream(value: unknown): value is ServerHttp2Stream {
  return typeof at(value, "writableEnded") === "boolean" &&
    typeof at(value, "once") === "function";
}

function isServerSession(value: unknown): value is ServerHttp2Session {
  return typeof at(value, "goaway") === "function" &&
    typeof at(value, "ping") === "function" && at(value, "socket") !== undefined;
}
