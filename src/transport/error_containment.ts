import { AsyncLocalStorage } from "node:async_hooks";
import type {
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from "node:http2";

/**
 * Keeps errors of HTTP/2 and of grpc-js where they belong: an error that a client can
 * cause ends its stream or its connection, never the process.
 */

/** Modules of Deno 2.9 below HTTP/2, and grpc-js, as they appear in a stack. */
const CONNECTION_MODULES =
  /ext:deno_node\/(http2|net|tls|_tls|stream|internal\/(http2|tls|streams|stream)|internal_binding\/(tcp|pipe|tls|stream))|\/@grpc\/grpc-js\//;
/** The pipes of `ip` are streams as well. */
const SUBPROCESS_MODULES = /child_process|\/src\/dataplane\//;
/** Modules that only pass a call on to the module that throws. */
const DISPATCH_MODULES = /ext:core\/|_events\.mjs/;

/**
 * Whether an uncaught error comes from a connection: it was thrown by Deno's HTTP/2 or by
 * grpc-js. Deno 2.9.3 throws from timers and ticks of its own when a session dies, where
 * nothing can catch the error.
 *
 * All other errors are ours, including a RangeError or TypeError of our own code.
 */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (code.startsWith("ERR_HTTP2_")) return true;
  const frames = (error.stack ?? "").split("\n").filter((line) =>
    /^ {4}at /.test(line)
  );
  if (frames.some((frame) => SUBPROCESS_MODULES.test(frame))) return false;
  const thrower = frames.find((frame) => !DISPATCH_MODULES.test(frame));
  return thrower !== undefined && CONNECTION_MODULES.test(thrower);
}

/** Closes the connection whose bytes are processed, in asynchronous work as well. */
const currentConnection = new AsyncLocalStorage<() => void>();

/**
 * Processes the data of a connection.
 *
 * @param close closes that connection if the work ends in an uncaught error
 */
export function runForConnection<Result>(
  close: () => void,
  work: () => Result,
): Result {
  return currentConnection.run(close, work);
}

/**
 * Handles an uncaught error, if it is a connection's: closes that connection. An error
 * from one of Deno's own timers belongs to no known connection; its session is gone.
 *
 * @returns false if the error is ours: then the process must not go on
 */
export function containError(error: unknown): boolean {
  if (!isConnectionError(error)) return false;
  currentConnection.getStore()?.();
  return true;
}

/** A stream that a client has opened, whatever it carries. */
export interface OpenedStream {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
}

/** What {@linkcode guardSession} does with streams and errors. */
export interface SessionGuard {
  /**
   * Called with each stream before grpc-js gets it.
   *
   * @param serve hands it to grpc-js with these headers; throws what grpc-js throws
   */
  onStream(opened: OpenedStream, serve: (headers: IncomingHttpHeaders) => void): void;
  /** Called with the error that a listener threw, after the session was destroyed. */
  onError(error: unknown): void;
}

/**
 * Guards a session: its `error` events and those of its streams are handled, and an
 * exception of a listener destroys the session.
 *
 * Deno 2.9.3 emits `stream` one tick after the stream was opened. The stream may be gone by
 * then, and grpc-js throws when it answers it. Such a stream is not handed to grpc-js.
 */
export function guardSession(session: ServerHttp2Session, guard: SessionGuard): void {
  const { emit: unguarded } = session;
  const emit = (event: string | symbol, ...args: unknown[]): boolean =>
    Reflect.apply(unguarded, session, [event, ...args]);
  const open = (args: readonly unknown[]): void => {
    const [stream, headers, ...more] = args;
    if (!isServerStream(stream) || !isHeaders(headers)) return;
    // "close" follows each error, and is handled.
    stream.on("error", ignore);
    guard.onStream({ stream, headers }, (passed) => {
      if (!stream.destroyed && !stream.closed) emit("stream", stream, passed, ...more);
    });
  };
  session.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    try {
      if (event !== "stream") return emit(event, ...args);
      open(args);
    } catch (error) {
      session.destroy();
      guard.onError(error);
    }
    return true;
  };
  session.on("error", ignore);
  // Deno 2.9.3 never frees a session, so it must not refer to the guard.
  session.once("close", () => session.emit = unguarded);
}

function ignore(): void {}

function isServerStream(value: unknown): value is ServerHttp2Stream {
  return typeof value === "object" && value !== null && "respond" in value;
}

function isHeaders(value: unknown): value is IncomingHttpHeaders {
  return typeof value === "object" && value !== null;
}
