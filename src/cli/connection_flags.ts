import { err, ok, type Result } from "../shared/result.ts";
import { quote } from "../shared/quote.ts";
import {
  type BoundAddress,
  type ListenAddress,
  parseListenAddress,
} from "../transport/listen_address.ts";
import type { TlsFiles } from "../transport/tls/files.ts";

/** Where the sidecar listens, and which clients it accepts. */
export interface ListenOptions {
  /** @default 127.0.0.1:50051 */
  readonly listen: ListenAddress;
  /** Permission bits of a Unix socket, as in chmod(2). @default 0o600 */
  readonly socketMode: number;
  /** @default undefined: no TLS */
  readonly tls: TlsFiles | undefined;
}

/** The flags of {@linkcode ListenOptions}. */
export const LISTEN_FLAGS = {
  "grpc-addr": { type: "string" },
  "socket-mode": { type: "string" },
  "tls-cert": { type: "string" },
  "tls-key": { type: "string" },
  "tls-ca": { type: "string" },
} as const;

/** Their part of the text of `serve --help`. */
export const LISTEN_HELP =
  `  --grpc-addr ADDRESS       listen there: HOST:PORT (default 127.0.0.1:50051), where
                            HOST is an IPv4 address or localhost, needs
                            --allow-net=HOST:PORT; unix:///PATH, see the task
                            serve:unix; fd:3, a listening socket that was handed over
  --socket-mode MODE        permissions of the Unix socket, in octal (default 0600)
  --tls-cert FILE           serve TLS with this certificate, followed by those between
                            it and its CA, in PEM; see the task serve:tls
  --tls-key FILE            its private key
  --tls-ca FILE             accept only clients with a certificate of these CAs`;

/** Reads the options, or returns one sentence with the fault and the remedy. */
export function readListenOptions(
  flag: (name: keyof typeof LISTEN_FLAGS) => string | undefined,
): Result<ListenOptions, string> {
  const listen = parseListenAddress(flag("grpc-addr"));
  if (!listen.ok) return listen;
  const mode = readSocketMode(flag("socket-mode"), listen.value);
  if (!mode.ok) return mode;
  const tls = readTlsFlags(flag);
  if (!tls.ok) return tls;
  return ok({ listen: listen.value, socketMode: mode.value, tls: tls.value });
}

function readSocketMode(
  text: string | undefined,
  { kind }: ListenAddress,
): Result<number, string> {
  if (text === undefined) return ok(0o600);
  if (kind !== "unix") {
    return err(
      "--socket-mode is for a Unix socket; use it with --grpc-addr unix:///PATH",
    );
  }
  return /^0?[0-7]{3}$/.test(text)
    ? ok(parseInt(text, 8))
    : err(`Invalid --socket-mode ${quote(text)}; use three octal digits such as 0660`);
}

/** Reads the paths of the TLS files of `serve` or `health`; undefined without TLS. */
export function readTlsFlags(
  flag: (name: "tls-cert" | "tls-key" | "tls-ca") => string | undefined,
): Result<TlsFiles | undefined, string> {
  const [cert, key, ca] = [flag("tls-cert"), flag("tls-key"), flag("tls-ca")];
  if (cert !== undefined && key !== undefined) return ok({ cert, key, ca });
  if (cert === undefined && key === undefined && ca === undefined) {
    return ok(undefined);
  }
  return err(
    "TLS needs both --tls-cert and --tls-key; --tls-ca may stand beside them",
  );
}

/** The part of `status --help` and `health --help` about the sidecar's address. */
export const TARGET_HELP =
  `  --grpc-addr ADDRESS       ask there: HOST:PORT (default 127.0.0.1:50051), where HOST
                            is an IPv4 address or localhost, needs
                            --allow-net=HOST:PORT; unix:///PATH needs what the task
                            serve:unix grants`;

/** Reads the `--grpc-addr` of a client command, or returns one sentence with the fault. */
export function readTargetAddress(
  text: string | undefined,
): Result<BoundAddress, string> {
  const address = parseListenAddress(text);
  if (!address.ok) return address;
  return address.value.kind === "fd"
    ? err("--grpc-addr fd:N is for serve; use the address of that socket")
    : ok(address.value);
}
