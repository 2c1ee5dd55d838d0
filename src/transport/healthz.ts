/**
 * `GET /healthz` and `GET /readyz`: the health of the server as a whole, and whether traffic
 * can flow as well.
 */
import type { HealthStatus, Readiness } from "../shared/health_status.ts";
import type { TextPage } from "../shared/text_page.ts";

/** The subject of a probe. */
export type ProbePath = "/healthz" | "/readyz";

/** The request line of HTTP/1.1 for the health: RFC 9112, 3. */
export const HEALTHZ_LINE = "GET /healthz HTTP/1.1\r\n";

/** The dependencies of the answers. */
export interface ProbeSource {
  /** The answer to `GET /healthz`. */
  healthStatus(): HealthStatus;
  /** The answer to `GET /readyz`. */
  readiness(): Readiness;
}

/** `/healthz`: the status alone. `/readyz`: the status, and each reason on its own line. */
export function answerProbe(path: ProbePath, source: ProbeSource): TextPage {
  switch (path) {
    case "/healthz": {
      const status = source.healthStatus();
      return probePage(status, status);
    }
    case "/readyz": {
      const { reasons, status } = source.readiness();
      const lines = [status, ...firstReasons(reasons)];
      return probePage(status, lines.map((line) => `${line}\n`).join(""));
    }
    default:
      return path satisfies never;
  }
}

const encoder = new TextEncoder();

function probePage(status: HealthStatus, text: string): TextPage {
  const contentType = "text/plain";
  return { status: CODES[status], contentType, body: encoder.encode(text) };
}

/** A probe's log keeps a line or two: the worst reasons are enough. */
const MAX_REASONS = 8;

function firstReasons(reasons: readonly string[]): readonly string[] {
  const omitted = reasons.length - MAX_REASONS;
  return omitted <= 0
    ? reasons
    : [...reasons.slice(0, MAX_REASONS), `and ${omitted} more`];
}

const CODES: { readonly [Status in HealthStatus]: TextPage["status"] } = {
  SERVING: 200,
  NOT_SERVING: 503,
};

/** Parses a whole response to `GET /healthz` in HTTP/1.1; undefined if it is not one. */
export function parseHealthz(response: string): HealthStatus | undefined {
  const [, body] = /^HTTP\/1\.1 .*\r\n\r\n([A-Z_]+)$/s.exec(response) ?? [];
  return body === "SERVING" || body === "NOT_SERVING" ? body : undefined;
}
