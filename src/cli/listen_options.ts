import { err, ok, type Result } from "../shared/result.ts";
import { quote } from "../shared/quote.ts";
import { type ListenAddress, parseListenAddress } from "../transport/listen_address.ts";
import type { TlsFiles } from "../transport/tls/files.ts";
import type { CommandLine } from "./command_definition.ts";

/** Where the sidecar listens, and which clients it accepts. */
export interface ListenOptions {
  /** @default 127.0.0.1:50051 */
  readonly listen: ListenAddress;
  /** Permission bits of a Unix socket, as in chmod(2). @default 0o600 */
  readonly socketMode: number;
  /** @default undefined: no TLS */
  readonly tls: TlsFiles | undefined;
}

/** Reads the options, or returns one sentence with the fault and the remedy. */
export function readListenOptions(
  options: CommandLine["options"],
): Result<ListenOptions, string> {
  const listen = parseListenAddress(options.get("grpc-addr"));
  if (!listen.ok) return listen;
  const mode = readSocketMode(options.get("socket-mode"), listen.value);
  if (!mode.ok) return mode;
  const tls = readTlsOptions(options);
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

function readTlsOptions(
  options: CommandLine["options"],
): Result<TlsFiles | undefined, string> {
  const [cert, key, ca] = [
    options.get("tls-cert"),
    options.get("tls-key"),
    options.get("tls-ca"),
  ];
  if (cert !== undefined && key !== undefined) return ok({ cert, key, ca });
  if (cert === undefined && key === undefined && ca === undefined) {
    return ok(undefined);
  }
  return err(
    "TLS needs both --tls-cert and --tls-key; --tls-ca is optional",
  );
}
