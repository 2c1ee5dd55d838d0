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
