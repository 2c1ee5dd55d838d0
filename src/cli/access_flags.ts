import { type Checked, fail, pass } from "../shared/result.ts";
import { quote } from "../shared/quote.ts";
import { type ListenAddress, parseListenAddress } from "../transport/listen_address.ts";
import type { TlsFiles } from "../transport/tls/files.ts";

/** Who may get in, and where. */
export interface AccessOptions {
  /** @default 127.0.0.1:50051 */
  readonly listen: ListenAddress;
  /** Permission bits of a Unix socket, as in chmod(2). @default 0o600 */
  readonly socketMode: number;
  /** @default undefined: no TLS */
  readonly tls: TlsFiles | undefined;
}

/** The flags for it. */
export const ACCESS_FLAGS = {
  "grpc-addr": { type: "string" },
  "socket-mode": { type: "string" },
  "tls-cert": { type: "string" },
  "tls-key": { type: "string" },
  "tls-ca": { type: "string" },
} as const;

/** What `serve --help` says of them. */
export const ACCESS_HELP =
  `  --grpc-addr ADDRESS       listen there: HOST:PORT (default 127.0.0.1:50051), where
                            HOST is an IPv4 address or localhost, needs
                            --allow-net=HOST:PORT; unix:///PATH, see the task
                            serve:unix; fd:3, a listening socket that was handed over
  --socket-mode MODE        permissions of the Unix socket, in octal (default 0600)
  --tls-cert FILE           serve TLS with this certificate, followed by those between
                            it and its CA, in PEM; see the task serve:tls
  --tls-key FILE            its private key
  --tls-ca FILE             let in only clients with a certificate of these CAs`;

/** The flags that `health` knows as well. */
type TlsFlag = "tls-cert" | "tls-key" | "tls-ca";

/** What was given for one of them. */
type Given = (name: keyof typeof ACCESS_FLAGS) => string | undefined;

/** Reads them, or says in one sentence what is wrong and what to do. */
export function readAccess(given: Given): Checked<AccessOptions, string> {
  const listen = parseListenAddress(given("grpc-addr"));
  if (!listen.ok) return listen;
  const mode = readSocketMode(given("socket-mode"), listen.value);
  if (!mode.ok) return mode;
  const tls = readTls(given);
  if (!tls.ok) return tls;
  return pass({ listen: listen.value, socketMode: mode.value, tls: tls.value });
}

function readSocketMode(
  text: string | undefined,
  { kind }: ListenAddress,
): Checked<number, string> {
  if (text === undefined) return pass(0o600);
  if (kind !== "unix") {
    return fail(
      "--socket-mode is for a Unix socket; use it with --grpc-addr unix:///PATH",
    );
  }
  return /^0?[0-7]{3}$/.test(text)
    ? pass(parseInt(text, 8))
    : fail(`Invalid --socket-mode ${quote(text)}; use three octal digits such as 0660`);
}

/** Which files TLS is to use; undefined: there is to be none. */
export function readTls(
  given: (name: TlsFlag) => string | undefined,
): Checked<TlsFiles | undefined, string> {
  const [cert, key, ca] = [given("tls-cert"), given("tls-key"), given("tls-ca")];
  if (cert !== undefined && key !== undefined) return pass({ cert, key, ca });
  if (cert === undefined && key === undefined && ca === undefined) {
    return pass(undefined);
  }
  return fail(
    "TLS needs both --tls-cert and --tls-key; --tls-ca may stand beside them",
  );
}
