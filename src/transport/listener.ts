import { connect, createServer, isIPv4, type Server, type Socket } from "node:net";
import { err, ok, type Result } from "../shared/result.ts";
import type { ListenAddress, UnixAddress } from "./listen_address.ts";
import type { ListenError } from "./listen_error.ts";

/** Accepts connections until it is closed. */
export interface Listener {
  /**
   * The bound address, with the port that the system chose for port 0. For an inherited
   * TCP socket it is the socket's own address; Deno 2.9.3 does not tell that of an inherited
   * Unix socket.
   */
  readonly address: ListenAddress;
  /** Accepts no more connections, and removes a Unix socket that we have created. */
  close(): void;
}

/** Connections that the kernel queues, listen(2). */
const BACKLOG = 511;
/** Another process that starts at the same time has replaced our socket by then. */
const SETTLE_MS = 100;

/**
 * Listens on an address of any kind.
 *
 * @param socketMode permission bits of a Unix socket, as in chmod(2)
 * @param accept called with each connection, which is paused
 */
export async function listen(
  address: ListenAddress,
  socketMode: number,
  accept: (socket: Socket) => void,
): Promise<Result<Listener, ListenError>> {
  if (address.kind === "unix") {
    const error = await removeStaleSocket(address);
    if (error !== undefined) return err(error);
  }
  const server = createServer({ pauseOnConnect: true }, accept);
  const { promise, resolve } = Promise.withResolvers<Result<Listener, ListenError>>();
  server.once("error", (error) => resolve(err(toListenError(error, address))));
  server.once("listening", () => {
    // accept(2) fails without free descriptors, which must not end the process.
    server.on("error", () => {});
    resolve(
      ok({ address: boundAddress(server, address), close: () => server.close() }),
    );
  });
  start(server, address, socketMode);
  return address.kind === "unix"
    ? await confirmOwnSocket(address, fileIdentity(address.path), promise)
    : await promise;
}

/**
 * Checks that the socket at the path is still ours: of two processes that start at the same
 * time and find the same stale socket, one may remove the new socket of the other.
 *
 * @param own the identity of the socket that we have created
 */
async function confirmOwnSocket(
  address: UnixAddress,
  own: string | undefined,
  opening: Promise<Result<Listener, ListenError>>,
): Promise<Result<Listener, ListenError>> {
  const opened = await opening;
  if (!opened.ok) return opened;
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const isOurs = (): boolean => fileIdentity(address.path) === own;
  if (!isOurs()) return err({ kind: "in-use", address });
  // close() removes the file at the path, even if another process has created it.
  const close = (): void => isOurs() ? opened.value.close() : undefined;
  return ok({ address, close });
}

function start(server: Server, address: ListenAddress, socketMode: number): void {
  switch (address.kind) {
    case "tcp":
      server.listen({ host: address.host, port: address.port, backlog: BACKLOG });
      break;
    case "unix":
      withFileMode(
        socketMode,
        () => server.listen({ path: address.path, backlog: BACKLOG }),
      );
      break;
    case "fd":
      server.listen({ fd: address.fd, backlog: BACKLOG });
      break;
    default:
      address satisfies never;
  }
}

function boundAddress(server: Server, address: ListenAddress): ListenAddress {
  const bound = server.address();
  return typeof bound === "object" && bound !== null && isIPv4(bound.address)
    ? { kind: "tcp", host: bound.address, port: bound.port }
    : address;
}

/** @param error e.g. `listen EADDRINUSE: address already in use 127.0.0.1:50051` */
function toListenError({ message }: Error, address: ListenAddress): ListenError {
  if (address.kind !== "fd" && message.includes("EADDRINUSE")) {
    return { kind: "in-use", address };
  }
  return { kind: "not-bound", address, reason: message.replace(/^listen /, "") };
}

/**
 * Removes the socket of a process that has ended, so that the path can be bound. It never
 * touches a socket with a listener, or a file that is not a socket.
 *
 * @returns why the path cannot be bound; undefined if it can
 */
async function removeStaleSocket(
  address: UnixAddress,
): Promise<ListenError | undefined> {
  const { path } = address;
  const error = (reason: string): ListenError => ({
    kind: "not-bound",
    address,
    reason,
  });
  try {
    const found = fileIdentity(path);
    if (found === undefined) return undefined;
    if (!Deno.lstatSync(path).isSocket) {
      return error("the path is a file that is not a socket");
    }
    const failure = await connectFailure(path);
    if (failure.includes("EACCES")) {
      return error("the path is a socket that this user may not connect to");
    }
    // Any other failure, such as a full backlog, means that a process listens.
    if (!/ECONNREFUSED|ENOENT/.test(failure)) return { kind: "in-use", address };
    // Another process may have created its own socket in the meantime.
    if (fileIdentity(path) !== found) return await removeStaleSocket(address);
    Deno.removeSync(path);
    return undefined;
  } catch (cause) {
    // Another process has removed it in the meantime.
    if (cause instanceof Deno.errors.NotFound) return await removeStaleSocket(address);
    return error(String(cause));
  }
}

/** Identifies the file at a path, even if another one replaces it; undefined if none. */
function fileIdentity(path: string): string | undefined {
  try {
    const { dev, ino, mtime } = Deno.lstatSync(path);
    return `${dev} ${ino} ${mtime?.getTime()}`;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw cause;
  }
}

/** The error of connect(2); empty if it succeeded. */
function connectFailure(path: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ path });
  socket.on("connect", () => resolve(""));
  socket.on("error", ({ message }) => resolve(message));
  return promise.finally(() => socket.destroy());
}

/**
 * Runs a function that creates a file, with a umask(2) that gives the file this mode. With
 * chmod(2) after bind(2), other users could connect in between.
 */
function withFileMode(mode: number, run: () => void): void {
  const previous = Deno.umask(0o777 & ~mode);
  try {
    run();
  } finally {
    Deno.umask(previous);
  }
}
