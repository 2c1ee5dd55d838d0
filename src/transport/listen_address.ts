import { isIPv4 } from "node:net";
import { err, ok, type Result } from "../shared/result.ts";
import { quote } from "../shared/quote.ts";

/** An IPv4 address and a port. */
export interface TcpAddress {
  readonly kind: "tcp";
  /** A dotted quad. */
  readonly host: string;
  /** 0–65535; 0 lets the system choose one. */
  readonly port: number;
}

/** A Unix socket, unix(7). */
export interface UnixAddress {
  readonly kind: "unix";
  /** Absolute, at most 107 bytes. */
  readonly path: string;
}

/** A listening socket that a service manager passes on, sd_listen_fds(3). */
export interface InheritedSocket {
  readonly kind: "fd";
  /** The file descriptor; service managers begin with 3. */
  readonly fd: number;
}

/** An address that the server binds itself; the sandbox must grant it. */
export type BoundAddress = TcpAddress | UnixAddress;

/** Where a gRPC server listens. */
export type ListenAddress = BoundAddress | InheritedSocket;

/** The default of `--grpc-addr`, which the task `serve` grants. */
export const DEFAULT_LISTEN_ADDRESS: TcpAddress = {
  kind: "tcp",
  host: "127.0.0.1",
  port: 50051,
};

/** `127.0.0.1:50051`, `unix:///run/quilt/sidecar.sock` or `fd:3` */
export function formatListenAddress(address: ListenAddress): string {
  switch (address.kind) {
    case "tcp":
      return `${address.host}:${address.port}`;
    case "unix":
      return `unix://${address.path}`;
    case "fd":
      return `fd:${address.fd}`;
    default:
      return address satisfies never;
  }
}

/**
 * Parses the value of `--grpc-addr`.
 *
 * @param text `HOST:PORT`, where HOST is an IPv4 address or `localhost` and PORT is from
 * 1 to 65535, `unix:///PATH` or `fd:N`, N from 3; undefined stands for
 * {@linkcode DEFAULT_LISTEN_ADDRESS}
 */
export function parseListenAddress(
  text: string | undefined,
): Result<ListenAddress, string> {
  if (text === undefined) return ok(DEFAULT_LISTEN_ADDRESS);
  if (text.startsWith("unix:")) return parseUnix(text);
  if (text.startsWith("fd:")) return parseInherited(text);
  const [, host = "", digits = ""] = /^(.+):([1-9][0-9]{0,4})$/.exec(text) ?? [];
  const port = Number(digits);
  // The name is not resolved, because that needs another permission.
  const address = host === "localhost" ? "127.0.0.1" : host;
  if (isIPv4(address) && port >= 1 && port <= 65535) {
    return ok({ kind: "tcp", host: address, port });
  }
  return err(
    `Invalid --grpc-addr ${quote(text)}; use an IPv4 address or localhost and a port ` +
      `from 1 to 65535, such as ${formatListenAddress(DEFAULT_LISTEN_ADDRESS)}`,
  );
}

/** sun_path has 108 bytes, and the last one is 0: unix(7). */
const MAX_PATH_BYTES = 107;

function parseUnix(text: string): Result<ListenAddress, string> {
  const path = /^unix:\/\/(\/.*[^/])$/s.exec(text)?.[1] ?? "";
  const bytes = new TextEncoder().encode(path).length;
  if (bytes > 0 && bytes <= MAX_PATH_BYTES && !path.includes("\0")) {
    return ok({ kind: "unix", path });
  }
  return err(
    `Invalid --grpc-addr ${quote(text)}; use an absolute path of at most ` +
      `${MAX_PATH_BYTES} bytes, such as unix:///run/quilt/sidecar.sock`,
  );
}

function parseInherited(text: string): Result<ListenAddress, string> {
  // 0 to 2 are standard input, output and error.
  const fd = Number(/^fd:([1-9][0-9]{0,5})$/.exec(text)?.[1]);
  if (fd >= 3) return ok({ kind: "fd", fd });
  return err(
    `Invalid --grpc-addr ${quote(text)}; use the number of a listening socket that ` +
      "was handed over, from 3, such as fd:3",
  );
}
