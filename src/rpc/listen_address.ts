import { isIPv4 } from "node:net";
import { type Checked, fail, pass } from "../ipam/checked.ts";
import { quote } from "../ipam/quote.ts";

/** Where a gRPC server listens. */
export interface ListenAddress {
  /** An IPv4 address as a dotted quad. */
  readonly host: string;
  /** 0–65535; 0 lets the system choose one. */
  readonly port: number;
}

/** What `serve` listens on unless told otherwise, and what its sandbox grants. */
export const DEFAULT_LISTEN_ADDRESS: ListenAddress = { host: "127.0.0.1", port: 50051 };

/** Why a server does not listen. */
export type ListenFault =
  | { readonly kind: "not-granted"; readonly address: ListenAddress }
  | { readonly kind: "in-use"; readonly address: ListenAddress }
  | {
    readonly kind: "not-bound";
    readonly address: ListenAddress;
    readonly reason: string;
  };

/** `127.0.0.1:50051` */
export function formatListenAddress(address: ListenAddress): string {
  return `${address.host}:${address.port}`;
}

/**
 * Reads what `--grpc-addr` was given.
 *
 * @param text `HOST:PORT`; HOST is an IPv4 address or `localhost`, PORT is from 1 to
 * 65535; undefined stands for {@linkcode DEFAULT_LISTEN_ADDRESS}
 */
export function readListenAddress(
  text: string | undefined,
): Checked<ListenAddress, string> {
  if (text === undefined) return pass(DEFAULT_LISTEN_ADDRESS);
  const [, host = "", digits = ""] = /^(.+):([1-9][0-9]{0,4})$/.exec(text) ?? [];
  const port = Number(digits);
  // The name is not looked up: that would need a grant of its own.
  const address = host === "localhost" ? "127.0.0.1" : host;
  if (isIPv4(address) && port >= 1 && port <= 65535) {
    return pass({ host: address, port });
  }
  return fail(
    `Invalid --grpc-addr ${quote(text)}; use an IPv4 address or localhost and a port ` +
      `from 1 to 65535, such as ${formatListenAddress(DEFAULT_LISTEN_ADDRESS)}`,
  );
}

/** The fault as a sentence with its remedy. */
export function describeListenFault(
  fault: ListenFault,
  defaultIsGranted: boolean,
): string {
  const address = formatListenAddress(fault.address);
  switch (fault.kind) {
    case "not-granted":
      return `Cannot listen on ${address}: ${describeGrant(address, defaultIsGranted)}`;
    case "in-use":
      return `Cannot listen on ${address}: the port is in use; ` +
        `see by whom with: ss -ltnp 'sport = :${fault.address.port}'`;
    case "not-bound":
      return `Cannot listen on ${address}: ${fault.reason}; ` +
        "use an address of this machine and a port above 1023 with --grpc-addr";
    default:
      return fault satisfies never;
  }
}

function describeGrant(address: string, defaultIsGranted: boolean): string {
  const remedy = `start with --allow-net=${address} (see README)`;
  return defaultIsGranted
    ? `the sandbox grants only ${formatListenAddress(DEFAULT_LISTEN_ADDRESS)}; ` +
      `${remedy} or leave --grpc-addr out`
    : `the sandbox does not grant it; ${remedy}`;
}
