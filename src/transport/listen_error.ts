import {
  type BoundAddress,
  DEFAULT_LISTEN_ADDRESS,
  formatListenAddress,
  type ListenAddress,
} from "./listen_address.ts";

/** Why a server cannot listen. */
export type ListenError =
  | { readonly kind: "not-granted"; readonly address: BoundAddress }
  | { readonly kind: "in-use"; readonly address: BoundAddress }
  | {
    readonly kind: "not-bound";
    readonly address: ListenAddress;
    /** The message of the system, e.g. `EADDRNOTAVAIL: address not available`. */
    readonly reason: string;
  };

/** Whether the sandbox allows to listen on the address, or to connect to it; never prompts. */
export function isGranted(address: BoundAddress): boolean {
  switch (address.kind) {
    case "tcp":
      return has({ name: "net", host: formatListenAddress(address) });
    case "unix": {
      const { path } = address;
      return has({ name: "net", host: `unix:${path}` }) &&
        has({ name: "read", path }) && has({ name: "write", path });
    }
    default:
      return address satisfies never;
  }
}

function has(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}

/** The error as a sentence with its remedy. */
export function describeListenError(
  error: ListenError,
  defaultIsGranted: boolean,
): string {
  const cannot = `Cannot listen on ${formatListenAddress(error.address)}`;
  switch (error.kind) {
    case "not-granted":
      return `${cannot}: ${describeGrant(error.address, defaultIsGranted, "serve")}`;
    case "in-use":
      return `${cannot}: ${describeUse(error.address)}`;
    case "not-bound":
      return `${cannot}: ${error.reason}; ${describeRemedy(error.address)}`;
    default:
      return error satisfies never;
  }
}

/**
 * Why the sandbox denies the address, with the remedy.
 *
 * @param task the task of deno.json that grants the default address
 */
export function describeGrant(
  address: BoundAddress,
  defaultIsGranted: boolean,
  task: string,
): string {
  const ours = formatListenAddress(DEFAULT_LISTEN_ADDRESS);
  const start = `start with ${grantsFor(address)} (see docs/tls-and-sockets.md)`;
  if (defaultIsGranted) {
    return `the sandbox grants only ${ours}; ${start} or leave --grpc-addr out`;
  }
  const remedy = formatListenAddress(address) === ours
    ? `use deno task ${task} (see docs/security.md)`
    : start;
  return `the sandbox does not grant it; ${remedy}`;
}

function grantsFor(address: BoundAddress): string {
  switch (address.kind) {
    case "tcp":
      return `--allow-net=${formatListenAddress(address)}`;
    case "unix": {
      const { path } = address;
      return `--allow-net=unix:${path} --allow-read=${path} --allow-write=${path}`;
    }
    default:
      return address satisfies never;
  }
}

/** A part of a sentence: the command that shows which process uses the address. */
export function describeUse(address: BoundAddress): string {
  switch (address.kind) {
    case "tcp":
      return "the port is in use; find the process with: " +
        `ss -ltnp 'sport = :${address.port}'`;
    case "unix":
      return "the socket is in use; find the process with: " +
        `ss -lxp 'src = ${address.path}'; if only an ip has it, a killed sidecar has left ` +
        "that process behind: end it";
    default:
      return address satisfies never;
  }
}

function describeRemedy(address: ListenAddress): string {
  switch (address.kind) {
    case "tcp":
      return "use an address of this machine and a port above 1023 with --grpc-addr";
    case "unix":
      return "use a path in a directory that this user may write to; no file may be " +
        "there but a socket on which no process listens";
    case "fd":
      return "pass a listening socket as systemd does for a .socket unit " +
        "(sd_listen_fds(3))";
    default:
      return address satisfies never;
  }
}
