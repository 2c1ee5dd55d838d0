import { parseHealthz } from "../transport/healthz.ts";
import type { BoundAddress } from "../transport/listen_address.ts";
import { connect, HEALTHZ_REQUEST } from "./health_probe.ts";

/** What listens on an address, as far as it shows by its answer to `GET /healthz`. */
export type Listener =
  /** Nothing. */
  | "none"
  /** It is not known: this user may not connect. */
  | "not-permitted"
  /** A sidecar, whatever its health. */
  | "sidecar"
  /** A server that speaks TLS alone, as a sidecar of the task serve:tls does. */
  | "tls"
  /** It accepts connections and says nothing. */
  | "silent"
  /** A program that answers something else. */
  | "other";

/** The first two bytes of an alert in TLS 1.0 to 1.3: RFC 8446, 5.1. */
const TLS_ALERT = [21, 3] as const;

/** Bytes that tell one from another; a response of the sidecar is shorter. */
const MAX_BYTES = 1_024;

/**
 * Finds out what listens. Never rejects.
 *
 * @param address needs `--allow-net` for exactly this address; a Unix socket also needs the
 * grants to read and write its path
 * @param deadlineMs milliseconds
 */
export async function identifyListener(
  address: BoundAddress,
  deadlineMs: number,
): Promise<Listener> {
  let connection: Deno.Conn;
  try {
    connection = await connect({ address, tls: undefined });
  } catch (cause) {
    if (cause instanceof Deno.errors.PermissionDenied) return "not-permitted";
    return isAbsent(cause) ? "none" : "other";
  }
  const timer = setTimeout(() => connection.close(), deadlineMs);
  const { bytes, isOver } = await exchange(connection);
  clearTimeout(timer);
  if (isOver) connection.close();
  if (bytes.length === 0) return isOver ? "other" : "silent";
  if (TLS_ALERT.every((byte, at) => bytes[at] === byte)) return "tls";
  const isSidecar = parseHealthz(new TextDecoder().decode(bytes)) !== undefined;
  return isSidecar ? "sidecar" : "other";
}

function isAbsent(cause: unknown): boolean {
  // No such socket, or one that a process which was killed has left behind.
  return cause instanceof Deno.errors.ConnectionRefused ||
    cause instanceof Deno.errors.NotFound;
}

/** What came before the other side ended it, or before the connection was closed. */
interface Answered {
  readonly bytes: Uint8Array;
  /** True if the other side ended it, or has sent enough. */
  readonly isOver: boolean;
}

async function exchange(connection: Deno.Conn): Promise<Answered> {
  const bytes = new Uint8Array(MAX_BYTES);
  let length = 0;
  const soFar = (isOver: boolean) => ({ bytes: bytes.subarray(0, length), isOver });
  try {
    await connection.write(HEALTHZ_REQUEST);
    while (length < bytes.length) {
      const count = await connection.read(bytes.subarray(length));
      if (count === null) break;
      length += count;
    }
    return soFar(true);
  } catch (cause) {
    // Closed here at the deadline, or reset by the other side.
    const isClosed = cause instanceof Deno.errors.BadResource ||
      cause instanceof Deno.errors.Interrupted;
    return soFar(!isClosed);
  }
}
