import { connect } from "node:net";
import type { UnixAddress } from "./listen_address.ts";
import type { ListenFault } from "./listen_fault.ts";

/**
 * Removes the socket of a process that is gone, so that the path can be bound. Never
 * touches a socket that somebody listens on, or what is no socket.
 *
 * @returns what stands in the way
 */
export async function clearTheWay(
  address: UnixAddress,
): Promise<ListenFault | undefined> {
  const { path } = address;
  try {
    if (!Deno.lstatSync(path).isSocket) {
      return {
        kind: "not-bound",
        address,
        reason: "there is a file that is no socket",
      };
    }
    if (await isListenedOn(path)) return { kind: "in-use", address };
    Deno.removeSync(path);
    return undefined;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    return { kind: "not-bound", address, reason: String(cause) };
  }
}

/** connect(2) is refused by a socket whose process is gone; a full backlog is a sign of life. */
function isListenedOn(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ path });
  socket.on("connect", () => resolve(true));
  socket.on("error", ({ message }) => resolve(!message.includes("ECONNREFUSED")));
  return promise.finally(() => socket.destroy());
}

/**
 * Runs something that makes a file, which from its first moment on has this mode: with
 * chmod(2) after bind(2) there would be a moment in which others could connect.
 */
export function withModeOfFiles(mode: number, run: () => void): void {
  const before = Deno.umask(0o777 & ~mode);
  try {
    run();
  } finally {
    Deno.umask(before);
  }
}
