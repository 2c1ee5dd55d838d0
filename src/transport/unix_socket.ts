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
  const fault = (reason: string): ListenFault => ({
    kind: "not-bound",
    address,
    reason,
  });
  try {
    const found = fileMark(path);
    if (found === undefined) return undefined;
    if (!Deno.lstatSync(path).isSocket) {
      return fault("there is a file that is no socket");
    }
    const refusal = await refusalOf(path);
    if (refusal.includes("EACCES")) {
      return fault("there is a socket that this user may not connect to");
    }
    // A full backlog is a sign of life.
    if (!/ECONNREFUSED|ENOENT/.test(refusal)) return { kind: "in-use", address };
    // Another start may have put its own there meanwhile.
    if (fileMark(path) !== found) return await clearTheWay(address);
    Deno.removeSync(path);
    return undefined;
  } catch (cause) {
    // Another start has removed it since we looked.
    if (cause instanceof Deno.errors.NotFound) return await clearTheWay(address);
    return fault(String(cause));
  }
}

/** Tells the file at a path from any other that stands there later; undefined: none. */
export function fileMark(path: string): string | undefined {
  try {
    const { dev, ino, mtime } = Deno.lstatSync(path);
    return `${dev} ${ino} ${mtime?.getTime()}`;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw cause;
  }
}

/** Why connect(2) failed; empty if it did not. */
function refusalOf(path: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ path });
  socket.on("connect", () => resolve(""));
  socket.on("error", ({ message }) => resolve(message));
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
