import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";

const CHANNEL = "http2.server.stream.created";

/** A stream that a client has opened. */
export interface OpenedStream {
  readonly session: ServerHttp2Session;
  readonly stream: ServerHttp2Stream;
  /** The size of its list of headers: RFC 9113, 6.5.2. */
  readonly headerBytes: number;
}

/**
 * Tells of every HTTP/2 stream that a client opens, whatever it carries, before anything
 * is done about it; for all servers of this process. grpc-js shows neither streams that
 * are no calls of its services nor the sessions, without which there is no orderly end
 * of a connection (RFC 9113, 6.8).
 *
 * @returns what ends it
 */
export function watchServerStreams(
  opened: (opened: OpenedStream) => void,
): () => void {
  const hear = (message: unknown): void => {
    const stream = at(message, "stream");
    const session = at(stream, "session");
    if (!isServerStream(stream) || !isServerSession(session)) return;
    opened({ session, stream, headerBytes: sizeOf(at(message, "headers")) });
  };
  subscribe(CHANNEL, hear);
  return () => unsubscribe(CHANNEL, hear);
}

function sizeOf(headers: unknown): number {
  return Object.entries(headers ?? {}).reduce(
    (size, [name, value]) => size + name.length + String(value).length + 32,
    0,
  );
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
