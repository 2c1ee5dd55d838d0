/** The address and the TLS files by which a client on this machine calls the sidecar. */
export interface CallTarget {
  readonly address:
    | { readonly kind: "tcp"; readonly host: string; readonly port: number }
    | { readonly kind: "unix"; readonly path: string }
    /** An inherited socket: only the process that opened it knows its address. */
    | { readonly kind: "fd" };
  /** The sidecar's own files, in PEM; undefined if it serves without TLS. */
  readonly tls: {
    readonly cert: string;
    readonly key: string;
    /** Undefined if the sidecar accepts every client; then no client verifies it. */
    readonly ca: string | undefined;
  } | undefined;
}

/** Where `serve` listens by default. */
export const DEFAULT_TARGET: CallTarget = {
  address: { kind: "tcp", host: "127.0.0.1", port: 50051 },
  tls: undefined,
};

/**
 * Returns a shell command that makes one call, for messages that name a remedy.
 *
 * @param request fields whose values are addresses, prefixes and interface names,
 * because none of their characters is special to a shell
 */
export function grpcurlCommand(
  { address, tls }: CallTarget,
  method: string,
  request: Readonly<Record<string, string>>,
): string {
  const fields = Object.entries(request).map(([name, value]) =>
    `${JSON.stringify(name)}: ${JSON.stringify(value)}`
  );
  return ["grpcurl", ...tlsOptions(tls), "-d", `'{${fields.join(", ")}}'`]
    .concat(addressArguments(address), method).join(" ");
}

function tlsOptions(tls: CallTarget["tls"]): readonly string[] {
  if (tls === undefined) return ["-plaintext"];
  if (tls.ca === undefined) return ["-insecure"];
  const options = { "-cacert": tls.ca, "-cert": tls.cert, "-key": tls.key };
  return Object.entries(options).flatMap(([name, file]) => [name, shellWord(file)]);
}

function addressArguments(address: CallTarget["address"]): readonly string[] {
  switch (address.kind) {
    case "tcp":
      return [`${address.host}:${address.port}`];
    case "unix":
      return ["-unix", shellWord(address.path)];
    case "fd":
      return ["ADDRESS"];
    default:
      return address satisfies never;
  }
}

function shellWord(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
