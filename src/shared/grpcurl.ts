/** How a client on this machine calls the sidecar. */
export interface CallTarget {
  readonly address:
    | { readonly kind: "tcp"; readonly host: string; readonly port: number }
    | { readonly kind: "unix"; readonly path: string }
    /** A socket that was handed over, of which only its maker knows where it is. */
    | { readonly kind: "fd" };
  /** The sidecar's own files; undefined: it serves without TLS. */
  readonly tls: {
    readonly cert: string;
    readonly key: string;
    /** Undefined: it lets every client in, and the client does not check it. */
    readonly ca: string | undefined;
  } | undefined;
}

/** How `serve` is called unless told otherwise. */
export const DEFAULT_TARGET: CallTarget = {
  address: { kind: "tcp", host: "127.0.0.1", port: 50051 },
  tls: undefined,
};

/**
 * A shell command that makes one call, for the sentences that name a remedy.
 *
 * @param request fields whose values are addresses, prefixes and interface names: no
 * character of theirs means anything to a shell
 */
export function grpcurlCommand(
  { address, tls }: CallTarget,
  method: string,
  request: Readonly<Record<string, string>>,
): string {
  const fields = Object.entries(request).map(([name, value]) =>
    `${JSON.stringify(name)}: ${JSON.stringify(value)}`
  );
  return ["grpcurl", ...security(tls), "-d", `'{${fields.join(", ")}}'`]
    .concat(place(address), method).join(" ");
}

function security(tls: CallTarget["tls"]): readonly string[] {
  if (tls === undefined) return ["-plaintext"];
  if (tls.ca === undefined) return ["-insecure"];
  const options = { "-cacert": tls.ca, "-cert": tls.cert, "-key": tls.key };
  return Object.entries(options).flatMap(([name, file]) => [name, shellWord(file)]);
}

function place(address: CallTarget["address"]): readonly string[] {
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
