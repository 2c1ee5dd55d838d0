import { createServer, isIPv4, type Server, type Socket } from "node:net";
import { err, ok, type Result } from "../shared/result.ts";
import type { ListenAddress, UnixAddress } from "./listen_address.ts";
import type { ListenFault } from "./listen_fault.ts";
import { clearTheWay, fileMark, withModeOfFiles } from "./unix_socket.ts";

/** What takes connections until it is closed. */
export interface Listener {
  /**
   * Where; with the port that the system chose, if it was to choose one. Of a socket that
   * was handed over Deno 2.9.3 tells the address, unless it is a Unix socket.
   */
  readonly address: ListenAddress;
  /** Takes no more connections; a Unix socket that we made is gone from then on. */
  close(): void;
}

/** Connections that wait to be taken, listen(2). */
const BACKLOG = 511;
/** Whoever found the same dead socket as we has removed ours by then, if at all. */
const SETTLE_MS = 100;

/**
 * Listens, on whatever kind of address.
 *
 * @param socketMode permission bits of a Unix socket, as in chmod(2)
 * @param take given each connection, from which nothing is read yet
 */
export async function listen(
  address: ListenAddress,
  socketMode: number,
  take: (socket: Socket) => void,
): Promise<Result<Listener, ListenFault>> {
  if (address.kind === "unix") {
    const obstacle = await clearTheWay(address);
    if (obstacle !== undefined) return err(obstacle);
  }
  const server = createServer({ pauseOnConnect: true }, take);
  const { promise, resolve } = Promise.withResolvers<Result<Listener, ListenFault>>();
  server.once("error", (error) => resolve(err(toFault(error, address))));
  server.once("listening", () => {
    // A connection that could not be taken, for want of descriptors, is no reason to end.
    server.on("error", () => {});
    resolve(ok({ address: whereOf(server, address), close: () => server.close() }));
  });
  start(server, address, socketMode);
  return address.kind === "unix"
    ? await keepPlace(address, fileMark(address.path), promise)
    : await promise;
}

/**
 * Of two starts that find the same dead socket, one may remove the socket of the other.
 *
 * @param own the file that was made
 */
async function keepPlace(
  address: UnixAddress,
  own: string | undefined,
  opening: Promise<Result<Listener, ListenFault>>,
): Promise<Result<Listener, ListenFault>> {
  const opened = await opening;
  if (!opened.ok) return opened;
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const isOurs = (): boolean => fileMark(address.path) === own;
  if (!isOurs()) return err({ kind: "in-use", address });
  // To close it is to remove whatever is there.
  const close = (): void => isOurs() ? opened.value.close() : undefined;
  return ok({ address, close });
}

function start(server: Server, address: ListenAddress, socketMode: number): void {
  switch (address.kind) {
    case "tcp":
      server.listen({ host: address.host, port: address.port, backlog: BACKLOG });
      break;
    case "unix":
      withModeOfFiles(
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

function whereOf(server: Server, address: ListenAddress): ListenAddress {
  const bound = server.address();
  return typeof bound === "object" && bound !== null && isIPv4(bound.address)
    ? { kind: "tcp", host: bound.address, port: bound.port }
    : address;
}

/** `listen EADDRINUSE: address already in use 127.0.0.1:50051` */
function toFault({ message }: Error, address: ListenAddress): ListenFault {
  if (address.kind !== "fd" && message.includes("EADDRINUSE")) {
    return { kind: "in-use", address };
  }
  return { kind: "not-bound", address, reason: message.replace(/^listen /, "") };
}
