/**
 * A listening socket as a service manager holds it: made by us, handed over to whatever
 * we start, and open as long as we are. Deno has no way to hand a socket over, libc has.
 */
import type { Namespace } from "./namespace.ts";

/** Listens, and waits to be handed over. */
export interface HeldSocket extends Disposable {
  /** Words that end in a command line, which finds the socket as descriptor 3. */
  readonly launcher: readonly string[];
}

/** Where {@linkcode holdSocket} listens. */
export type HeldAddress = { readonly port: number } | { readonly path: string };

const AF_UNIX = 1;
const AF_INET = 2;
const SOCK_STREAM = 1;
const CLONE_NEWNET = 0x40000000;
const BACKLOG = 128;

function libc() {
  return Deno.dlopen("libc.so.6", {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    setns: { parameters: ["i32", "i32"], result: "i32" },
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    listen: { parameters: ["i32", "i32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
  }).symbols;
}

const text = (value: string): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(`${value}\0`);

/** struct sockaddr_in of 127.0.0.1, or struct sockaddr_un. */
function socketAddress(address: HeldAddress): Uint8Array<ArrayBuffer> {
  if ("path" in address) {
    return new Uint8Array([AF_UNIX, 0, ...text(address.path)]);
  }
  const { port } = address;
  return new Uint8Array([
    ...[AF_INET, 0, port >> 8, port & 0xff, 127, 0, 0, 1],
    ...new Uint8Array(8),
  ]);
}

/**
 * Listens in a namespace, on 127.0.0.1 or on a Unix socket.
 *
 * @throws {Error} when one of the calls to the kernel fails.
 */
export function holdSocket(namespace: Namespace, address: HeldAddress): HeldSocket {
  const c = libc();
  const must = (result: number, what: string): number => {
    if (result < 0) throw new Error(`Cannot hold a socket: ${what} failed`);
    return result;
  };
  const open = (path: string): number => must(c.open(text(path), 0), `open ${path}`);
  const [own, other] = [
    open("/proc/thread-self/ns/net"),
    open(`/run/netns/${namespace.name}`),
  ];
  // A socket is of the namespace that its maker's thread is in at that moment.
  must(c.setns(other, CLONE_NEWNET), "setns");
  const family = "path" in address ? AF_UNIX : AF_INET;
  const fd = c.socket(family, SOCK_STREAM, 0);
  must(c.setns(own, CLONE_NEWNET), "setns");
  for (const each of [own, other]) c.close(each);
  must(fd, "socket");
  const at = socketAddress(address);
  must(c.bind(fd, at, at.length), "bind");
  must(c.listen(fd, BACKLOG), "listen");
  return {
    launcher: ["bash", "-c", `exec 3<&${fd} ${fd}<&-; exec "$@"`, "bash"],
    [Symbol.dispose]: () => {
      c.close(fd);
      if ("path" in address) Deno.removeSync(address.path);
    },
  };
}
