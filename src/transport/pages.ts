/**
 * The answers to GET, in HTTP/1.1 and HTTP/2: probes, and the page of metrics. The
 * answer in HTTP/1.1 needs no HTTP/2 session, of which Deno 2.9.3 keeps some 20 KB until
 * the process ends: a gRPC probe every 10 s on a new connection would cost 170 MB a day.
 */
import { Buffer } from "node:buffer";
import type { OutgoingHttpHeaders } from "node:http2";
import type { PageRenderer, TextPage } from "../shared/text_page.ts";
import { answerProbe, type ProbeSource } from "./healthz.ts";

/** The dependencies of the pages. */
export interface PageSource extends ProbeSource {
  /** Makes the answer to `GET /metrics`; undefined: there is no such page. */
  readonly metrics: PageRenderer | undefined;
}

/** A requested page. */
export type Page =
  /** Known at once, because a probe has a second for all of it. */
  | { readonly kind: "probe"; readonly answer: () => TextPage }
  /** Made in a later turn. */
  | { readonly kind: "metrics"; readonly render: PageRenderer };

/** Every path that may have a page. */
export const PAGE_PATHS = ["/healthz", "/readyz", "/metrics"] as const;

/** The page at a path; undefined if there is none. */
export function findPage(path: string, source: PageSource): Page | undefined {
  switch (path) {
    case "/healthz":
    case "/readyz":
      return { kind: "probe", answer: () => answerProbe(path, source) };
    case "/metrics": {
      const { metrics } = source;
      return metrics === undefined ? undefined : { kind: "metrics", render: metrics };
    }
    default:
      return undefined;
  }
}

const REASON_PHRASES: { readonly [Status in TextPage["status"]]: string } = {
  200: "OK",
  503: "Service Unavailable",
};

/** What stands before the body of a response in HTTP/1.1; the connection ends with it. */
export function formatPageHead({ body, contentType, status }: TextPage): Uint8Array {
  return Buffer.from(
    `HTTP/1.1 ${status} ${REASON_PHRASES[status]}\r\n` +
      `Content-Type: ${contentType}\r\n` +
      `Content-Length: ${body.length}\r\n` +
      "Connection: close\r\n\r\n",
  );
}

/** The headers of a response in HTTP/2. */
export function pageHeaders(
  { body, contentType, status }: TextPage,
): OutgoingHttpHeaders {
  return {
    ":status": status,
    "content-type": contentType,
    "content-length": String(body.length),
  };
}
