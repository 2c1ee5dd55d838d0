import type { Server } from "@grpc/grpc-js";
import type {
  Http2Server,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from "node:http2";
import { Server as NetServer } from "node:net";

/** A stream that a client has opened, whatever it carries. */
export interface OpenedStream {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
}

/**
 * The HTTP/2 server inside grpc-js, which shows neither its sessions nor streams that are
 * no calls of its services; without them there is no orderly end of a connection (RFC
 * 9113, 6.8), and no way to hold an error where it belongs. The one private field of
 * grpc-js 1.14 that is read, here alone.
 *
 * @throws {TypeError} if this grpc-js keeps it elsewhere: then nothing is served
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

/** What is done with the streams of a session, and with its errors. */
export interface SessionGuard {
  /**
   * Given each stream before grpc-js is.
   *
   * @param serve lets grpc-js answer it, by these headers; throws what grpc-js throws
   */
  opened(opened: OpenedStream, serve: (headers: IncomingHttpHeaders) => void): void;
  /** Told what a listener threw; the session has ended by then. */
  failed(error: unknown): void;
}

/**
 * Sees to it that nothing that happens on a session ends the process: its errors are
 * heard, those of its streams as well, and what a listener throws ends the session.
 *
 * On Deno 2.9.3 a stream is told of in a later turn than it was opened in, and may be gone
 * by then; grpc-js answers it all the same, which throws. Such a stream is not served.
 */
export function guardSession(session: ServerHttp2Session, guard: SessionGuard): void {
  const { emit: unguarded } = session;
  const emit = (event: string | symbol, ...args: unknown[]): boolean =>
    Reflect.apply(unguarded, session, [event, ...args]);
  const open = (args: readonly unknown[]): void => {
    const [stream, headers, ...more] = args;
    if (!isServerStream(stream) || !isHeaders(headers)) return;
    // Its end is what counts, and that is heard.
    stream.on("error", ignore);
    guard.opened({ stream, headers }, (passed) => {
      if (!stream.destroyed && !stream.closed) emit("stream", stream, passed, ...more);
    });
  };
  session.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    try {
      if (event !== "stream") return emit(event, ...args);
      open(args);
    } catch (error) {
      session.destroy();
      guard.failed(error);
    }
    return true;
  };
  session.on("error", ignore);
  // Deno 2.9.3 keeps the session itself for ever: nothing else is to stay with it.
  session.once("close", () => session.emit = unguarded);
}

function ignore(): void {}

function isServerStream(value: unknown): value is ServerHttp2Stream {
  return typeof value === "object" && value !== null && "respond" in value;
}

function isHeaders(value: unknown): value is IncomingHttpHeaders {
  return typeof value === "object" && value !== null;
}
