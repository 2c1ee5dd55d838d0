/**
 * `GET /healthz`: the health of the server as a whole, for who makes a connection for
 * each question. Deno 2.9.3 keeps some 20 KB of every HTTP/2 session for as long as the
 * process lives, so that a probe every 10 s that spoke gRPC would cost 170 MB a day. This
 * one is answered before there is a session.
 */

/** The only request of HTTP/1.1 that is answered, without its headers: RFC 9112, 3. */
export const HEALTHZ_LINE = "GET /healthz HTTP/1.1\r\n";

/** What a server that is there says: as much as a probe has to know. */
export type HealthStatus = "SERVING" | "NOT_SERVING";

const CODES: { readonly [Status in HealthStatus]: string } = {
  SERVING: "200 OK",
  NOT_SERVING: "503 Service Unavailable",
};

/** The whole answer; the connection ends with it. */
export function formatHealthz(status: HealthStatus): string {
  return `HTTP/1.1 ${CODES[status]}\r\n` +
    "Content-Type: text/plain\r\n" +
    `Content-Length: ${status.length}\r\n` +
    `Connection: close\r\n\r\n${status}`;
}

/** Reads a whole answer; undefined if it is none of a sidecar. */
export function readHealthz(answer: string): HealthStatus | undefined {
  const [, body] = /^HTTP\/1\.1 .*\r\n\r\n([A-Z_]+)$/s.exec(answer) ?? [];
  return body === "SERVING" || body === "NOT_SERVING" ? body : undefined;
}
