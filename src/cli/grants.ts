import {
  formatListenAddress,
  type ListenAddress,
} from "../transport/listen_address.ts";
import type { TlsFiles } from "../transport/tls/files.ts";

/** What `serve` may need a grant for. */
export interface GrantedThings {
  readonly listen: ListenAddress;
  readonly tls: TlsFiles | undefined;
}

/** The kinds of permissions that may be granted as a whole. */
const KINDS = ["net", "read", "write", "run", "env", "sys", "ffi"] as const;

type Kind = typeof KINDS[number];

/**
 * What the sandbox grants, as far as a process can ask: `run` if all of a kind is granted;
 * otherwise `run=ip`, for each thing that `serve` uses. Never prompts. A grant for
 * something else is not found.
 */
export function grantsFor(things: GrantedThings): readonly string[] {
  return KINDS.flatMap((kind) => {
    if (has({ name: kind })) return [kind];
    return usedOf(kind, things).filter(({ descriptor }) => has(descriptor))
      .map(({ name }) => `${kind}=${name}`);
  });
}

/** Something that is used, and the permission for it. */
interface Used {
  readonly name: string;
  readonly descriptor: Deno.PermissionDescriptor;
}

function usedOf(kind: Kind, { listen, tls }: GrantedThings): readonly Used[] {
  const socket = listen.kind === "unix" ? [listen.path] : [];
  switch (kind) {
    case "net":
      return hostsOf(listen).map((host) => ({
        name: host,
        descriptor: { name: kind, host },
      }));
    case "read": {
      const files = tls === undefined ? [] : [tls.cert, tls.key, tls.ca ?? []].flat();
      return [...socket, ...files].map((path) => toUsed(kind, path));
    }
    case "write":
      return socket.map((path) => toUsed(kind, path));
    case "run":
      return [{ name: "ip", descriptor: { name: kind, command: "ip" } }];
    case "env":
    case "sys":
    case "ffi":
      return [];
    default:
      return kind satisfies never;
  }
}

function toUsed(name: "read" | "write", path: string): Used {
  return { name: path, descriptor: { name, path } };
}

/** As they stand behind `--allow-net`. */
function hostsOf(listen: ListenAddress): readonly string[] {
  switch (listen.kind) {
    case "tcp":
      return [formatListenAddress(listen)];
    case "unix":
      return [`unix:${listen.path}`];
    case "fd":
      return [];
    default:
      return listen satisfies never;
  }
}

function has(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}
