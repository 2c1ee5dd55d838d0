/**
 * `GET /healthz` and `GET /readyz`, in HTTP/1.1 and HTTP/2: the health of the server as a
 * whole, and whether traffic can flow as well. The answer in HTTP/1.1 needs no HTTP/2
 * session, of which Deno 2.9.3 keeps some 20 KB as long as the process lives: a gRPC probe
 * every 10 s on a new connection would cost 170 MB a day.
 */
import type { OutgoingHttpHeaders } from "node:http2";
import type { HealthStatus, Readiness } from "../shared/health_status.ts";

/** What is asked for by GET. */
export type ProbePath = "/healthz" | "/readyz";

/** The only request lines of HTTP/1.1 that are answered: RFC 9112, 3. */
export const HEALTHZ_LINE = "GET /healthz HTTP/1.1\r\n";
export const READYZ_LINE = "GET /readyz HTTP/1.1\r\n";

/** What the answers depend on. */
export interface ProbeSource {
  /** The answer to `GET /healthz`. */
  healthStatus(): HealthStatus;
  /** The answer to `GET /readyz`. */
  readiness(): Readiness;
}

/** The answer to a probe. */
export interface ProbeAnswer {
  readonly status: HealthStatus;
  /** Printable ASCII and line feeds. */
  readonly body: string;
}

/** The path as a probe's; undefined if it is another one. */
export function findProbePath(path: string): ProbePath | undefined {
  return path === "/healthz" || path === "/readyz" ? path : undefined;
}

/** `/healthz`: the status alone. `/readyz`: the status, and each reason on its own line. */
export function answerProbe(path: ProbePath, source: ProbeSource): ProbeAnswer {
  switch (path) {
    case "/healthz": {
      const status = source.healthStatus();
      return { status, body: status };
    }
    case "/readyz": {
      const { reasons, status } = source.readiness();
      const lines = [status, ...firstReasons(reasons)];
      return { status, body: lines.map((line) => `${line}\n`).join("") };
    }
    default:
      return path satisfies never;
  }
}

/** A probe's log keeps a line or two: the worst reasons are enough. */
const MAX_REASONS = 8;

function firstReasons(reasons: readonly string[]): readonly string[] {
  const omitted = reasons.length - MAX_REASONS;
  return omitted <= 0
    ? reasons
    : [...reasons.slice(0, MAX_REASONS), `and ${omitted} more`];
}

const CODES: { readonly [Status in HealthStatus]: number } = {
  SERVING: 200,
  NOT_SERVING: 503,
};

const REASON_PHRASES: { readonly [Status in HealthStatus]: string } = {
  SERVING: "OK",
  NOT_SERVING: "Service Unavailable",
};

/** The whole response in HTTP/1.1; the connection ends with it. */
export function formatProbe({ body, status }: ProbeAnswer): string {
  return `HTTP/1.1 ${CODES[status]} ${REASON_PHRASES[status]}\r\n` +
    "Content-Type: text/plain\r\n" +
    `Content-Length: ${body.length}\r\n` +
    `Connection: close\r\n\r\n${body}`;
}

/** Parses a whole response to `GET /healthz` in HTTP/1.1; undefined if it is not one. */
export function parseHealthz(response: string): HealthStatus | undefined {
  const [, body] = /^HTTP\/1\.1 .*\r\n\r\n([A-Z_]+)$/s.exec(response) ?? [];
  return body === "SERVING" || body === "NOT_SERVING" ? body : undefined;
}

/** The headers of the response in HTTP/2, whose body is that of the answer. */
export function probeHeaders({ body, status }: ProbeAnswer): OutgoingHttpHeaders {
  return {
    ":status": CODES[status],
    "content-type": "text/plain",
    "content-length": String(body.length),
  };
}
