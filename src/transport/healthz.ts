/**
 * `GET /healthz`: the health of the server as a whole, in HTTP/1.1 and HTTP/2. The answer
 * in HTTP/1.1 needs no HTTP/2 session, of which Deno 2.9.3 keeps some 20 KB as long as the
 * process lives: a gRPC probe every 10 s on a new connection would cost 170 MB a day.
 */
import type { OutgoingHttpHeaders } from "node:http2";
import type { HealthStatus } from "../shared/health_status.ts";

/** The only request line of HTTP/1.1 that is answered: RFC 9112, 3. */
export const HEALTHZ_LINE = "GET /healthz HTTP/1.1\r\n";

const CODES: { readonly [Status in HealthStatus]: number } = {
  SERVING: 200,
  NOT_SERVING: 503,
};

const REASON_PHRASES: { readonly [Status in HealthStatus]: string } = {
  SERVING: "OK",
  NOT_SERVING: "Service Unavailable",
};

/** The whole response in HTTP/1.1; the connection ends with it. */
export function formatHealthz(status: HealthStatus): string {
  return `HTTP/1.1 ${CODES[status]} ${REASON_PHRASES[status]}\r\n` +
    "Content-Type: text/plain\r\n" +
    `Content-Length: ${status.length}\r\n` +
    `Connection: close\r\n\r\n${status}`;
}

/** Parses a whole response in HTTP/1.1; undefined if it is not a sidecar's. */
export function parseHealthz(response: string): HealthStatus | undefined {
  const [, body] = /^HTTP\/1\.1 .*\r\n\r\n([A-Z_]+)$/s.exec(response) ?? [];
  return body === "SERVING" || body === "NOT_SERVING" ? body : undefined;
}

/** The headers of the response in HTTP/2; the body is the status itself. */
export function healthzHeaders(status: HealthStatus): OutgoingHttpHeaders {
  return {
    ":status": CODES[status],
    "content-type": "text/plain",
    "content-length": String(status.length),
  };
}
