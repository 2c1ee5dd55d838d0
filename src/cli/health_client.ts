import type { HealthStatus } from "../shared/health_status.ts";
import { HEALTHZ_LINE, parseHealthz } from "../transport/healthz.ts";
import type { TcpAddress, UnixAddress } from "../transport/listen_address.ts";
import type { TlsMaterial } from "../transport/tls/files.ts";

/** What a sidecar says of itself, or why nothing is known. */
export type HealthAnswer =
  | { readonly kind: "status"; readonly status: HealthStatus }
  | { readonly kind: "none"; readonly why: string };

/** Where to ask; over TLS with a certificate of our own, a server of that CA. */
export type HealthAddress =
  | UnixAddress
  | (TcpAddress & { readonly tls?: TlsMaterial });

/** An answer has fewer. */
const MOST_ANSWER_BYTES = 1_024;

const NO_HEALTH =
  "what came is no health; is it to be asked over TLS, as by the task health:tls?";

/**
 * Asks a sidecar for its health with `GET /healthz`. Never rejects.
 *
 * Written on Deno's own sockets, because a probe runs every few seconds: node:net alone
 * takes longer to load than the whole question takes.
 *
 * @param address needs `--allow-net` for exactly that, and a Unix socket the grants to
 * read and write its path besides
 * @param deadlineMs milliseconds
 */
export async function askHealth(
  address: HealthAddress,
  deadlineMs: number,
): Promise<HealthAnswer> {
  const { promise: late, resolve } = Promise.withResolvers<HealthAnswer>();
  const why = `no answer came within ${Math.round(deadlineMs)} ms`;
  const over = new AbortController();
  const timer = setTimeout(() => {
    resolve({ kind: "none", why });
    over.abort();
  }, deadlineMs);
  const asked = ask(address, over.signal)
    .catch((cause): HealthAnswer => ({ kind: "none", why: describe(cause) }));
  const answer = await Promise.race([asked, late]);
  clearTimeout(timer);
  return answer;
}

async function ask(address: HealthAddress, over: AbortSignal): Promise<HealthAnswer> {
  using connection = await open(address);
  over.addEventListener("abort", () => connection.close());
  const request = new TextEncoder().encode(
    `${HEALTHZ_LINE}Host: quilt-sidecar\r\n\r\n`,
  );
  await connection.write(request);
  const status = parseHealthz(await readToEnd(connection));
  return status === undefined
    ? { kind: "none", why: NO_HEALTH }
    : { kind: "status", status };
}

function open(address: HealthAddress): Promise<Deno.Conn> {
  if (address.kind === "unix") {
    return Deno.connect({ transport: "unix", path: address.path });
  }
  const { host: hostname, port, tls } = address;
  if (tls === undefined) return Deno.connect({ hostname, port });
  const { ca, cert, key } = tls;
  return Deno.connectTls({ hostname, port, cert, key, caCerts: ca ? [ca] : [] });
}

async function readToEnd(connection: Deno.Conn): Promise<string> {
  const bytes = new Uint8Array(MOST_ANSWER_BYTES);
  let length = 0;
  while (length < bytes.length) {
    const read = await connection.read(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}

function describe(cause: unknown): string {
  // Under TLS 1.3 a client learns only so that its certificate is refused.
  if (cause instanceof Deno.errors.UnexpectedEof) return "it ended the connection";
  return cause instanceof Error ? cause.message : String(cause);
}
