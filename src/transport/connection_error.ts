import { AsyncLocalStorage } from "node:async_hooks";

/** Where node:http2 and what it stands on, and grpc-js, are in a stack of Deno 2.9. */
const OF_CONNECTIONS =
  /ext:deno_node\/(http2|net|tls|_tls|stream|internal\/(http2|tls|streams|stream)|internal_binding\/(tcp|pipe|tls|stream))|\/@grpc\/grpc-js\//;
/** `ip` is written to by streams as well. */
const OF_CHILDREN = /child_process|\/src\/kernel\//;
/** Passed through on the way to whoever throws, and innocent. */
const PASSED = /ext:core\/|_events\.mjs/;

/**
 * Whether an error that nobody has caught was made by what happened on a connection:
 * thrown by Deno's HTTP/2 or by grpc-js, in a turn in which nobody could catch it. Deno
 * 2.9.3 throws so out of timers and ticks of its own when a session dies meanwhile. Such
 * an error is the end of a stream or a session, never of the process.
 *
 * All others are ours, a RangeError or TypeError of our own code among them.
 */
export function isOfConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (code.startsWith("ERR_HTTP2_")) return true;
  const frames = (error.stack ?? "").split("\n").filter((line) =>
    /^ {4}at /.test(line)
  );
  if (frames.some((frame) => OF_CHILDREN.test(frame))) return false;
  const thrower = frames.find((frame) => !PASSED.test(frame));
  return thrower !== undefined && OF_CONNECTIONS.test(thrower);
}

/** Ends the connection whose bytes are being read, in what follows from that as well. */
const ending = new AsyncLocalStorage<() => void>();

/** Runs what reads from a connection. */
export function onConnection<Result>(end: () => void, read: () => Result): Result {
  return ending.run(end, read);
}

/**
 * Takes an error that nobody has caught, if it is one of a connection, which ends for it.
 *
 * @returns false if it is ours: then the process is not to go on
 */
export function endConnectionFor(error: unknown): boolean {
  if (!isOfConnection(error)) return false;
  // Out of a timer of Deno's own it cannot be told whose it is: the session is gone then.
  ending.getStore()?.();
  return true;
}
