import type { HealthStatus } from "../shared/health_status.ts";
import { HEALTHZ_LINE, parseHealthz } from "../transport/healthz.ts";
import type { Target } from "./target.ts";

/** The health of a sidecar, or the reason why it is not known. */
export type ProbeResult =
  | { readonly kind: "status"; readonly status: HealthStatus }
  /** It has not answered yet. */
  | { readonly kind: "late"; readonly reason: string }
  /** It answered something else, or nobody did. */
  | { readonly kind: "unavailable"; readonly reason: string };

/** Where to connect, and how. */
export type ProbeTarget = Pick<Target, "address" | "tls">;

/** The whole request. */
export const HEALTHZ_REQUEST: Uint8Array = new TextEncoder().encode(
  `${HEALTHZ_LINE}Host: quilt-sidecar\r\n\r\n`,
);

/** More bytes than the longest response of the sidecar. */
const MAX_RESPONSE_BYTES = 1_024;

const NOT_A_HEALTH_RESPONSE = "the response is not a health status";

/**
 * Requests a sidecar's health by `GET /healthz`. Never rejects.
 *
 * It uses Deno's own sockets, because a probe runs every few seconds and node:net alone
 * takes longer to load than the whole probe.
 *
 * @param target needs `--allow-net` for exactly this address; a Unix socket also needs the
 * grants to read and write its path
 * @param deadlineMs milliseconds
 */
export async function probeHealth(
  target: ProbeTarget,
  deadlineMs: number,
): Promise<ProbeResult> {
  const { promise: timeout, resolve } = Promise.withResolvers<ProbeResult>();
  const reason = `no answer came within ${Math.round(deadlineMs)} ms`;
  const controller = new AbortController();
  const timer = setTimeout(() => {
    resolve({ kind: "late", reason });
    controller.abort();
  }, deadlineMs);
  const probe = request(target, controller.signal)
    .catch((cause): ProbeResult => ({ kind: "unavailable", reason: describe(cause) }));
  const result = await Promise.race([probe, timeout]);
  clearTimeout(timer);
  return result;
}

async function request(
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeResult> {
  using connection = await connect(target);
  signal.addEventListener("abort", () => connection.close());
  await connection.write(HEALTHZ_REQUEST);
  const status = parseHealthz(await readToEnd(connection));
  return status === undefined
    ? { kind: "unavailable", reason: NOT_A_HEALTH_RESPONSE }
    : { kind: "status", status };
}

/** Connects. @throws as `Deno.connect` and `Deno.connectTls` do */
export function connect({ address, tls }: ProbeTarget): Promise<Deno.Conn> {
  if (address.kind === "unix") {
    return Deno.connect({ transport: "unix", path: address.path });
  }
  const { host: hostname, port } = address;
  if (tls === undefined) return Deno.connect({ hostname, port });
  const { ca, own } = tls;
  const caCerts = ca === undefined ? [] : [ca];
  return Deno.connectTls({ hostname, port, caCerts, ...own });
}

async function readToEnd(connection: Deno.Conn): Promise<string> {
  const bytes = new Uint8Array(MAX_RESPONSE_BYTES);
  let length = 0;
  while (length < bytes.length) {
    const count = await connection.read(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}

function describe(cause: unknown): string {
  // In TLS 1.3 this is how a client notices that the server rejected its certificate.
  if (cause instanceof Deno.errors.UnexpectedEof) return "it ended the connection";
  return cause instanceof Error ? cause.message : String(cause);
}
