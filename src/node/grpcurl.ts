/** Where a client on this machine finds the sidecar. */
export type SidecarAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string }
  /** A socket that was handed over: systemd's unit listens on the default address. */
  | { readonly kind: "fd" };

/** What `serve` listens on unless told otherwise. */
export const DEFAULT_ADDRESS: SidecarAddress = {
  kind: "tcp",
  host: "127.0.0.1",
  port: 50051,
};

/**
 * A shell command that makes one call, for the sentences that name a remedy.
 *
 * @param request fields whose values are addresses, prefixes and interface names: no
 * character of theirs means anything to a shell
 */
export function grpcurlCommand(
  address: SidecarAddress,
  method: string,
  request: Readonly<Record<string, string>>,
): string {
  const fields = Object.entries(request).map(([name, value]) =>
    `${JSON.stringify(name)}: ${JSON.stringify(value)}`
  );
  return `grpcurl -plaintext -d '{${fields.join(", ")}}' ${target(address)} ${method}`;
}

function target(address: SidecarAddress): string {
  switch (address.kind) {
    case "tcp":
      return `${address.host}:${address.port}`;
    case "unix":
      return `-unix ${shellWord(address.path)}`;
    case "fd":
      return target(DEFAULT_ADDRESS);
    default:
      return address satisfies never;
  }
}

function shellWord(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
