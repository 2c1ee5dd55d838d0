import type { ServerUnaryCall } from "@grpc/grpc-js";
import { escapeInvisible } from "../shared/quote.ts";

/** What is needed of a call to know who makes it. */
export type ServedCall = Pick<
  ServerUnaryCall<unknown, unknown>,
  "getPeer" | "getAuthContext"
>;

/** Who calls, as the audit trail names it. */
export interface Caller {
  /** `127.0.0.1:40112`, or `unix:///run/quilt/sidecar.sock#3` for its 3rd connection. */
  readonly peer: string;
  /**
   * Under mTLS whom the client's certificate is for, e.g. `CN=agent,O=Quilt`. Invisible
   * characters are escaped: a CA may sign any.
   */
  readonly subject?: string;
}

/** Who calls. */
export function callerOf(call: ServedCall): Caller {
  const peer = call.getPeer();
  const { sslPeerCertificate: certificate } = call.getAuthContext();
  if (certificate === undefined) return { peer };
  return { peer, subject: nameHolder(certificate) };
}

/** Whom a certificate is for: its subject, or its name if it has none. */
export function nameHolder(certificate: NamedCertificate): string {
  // A SPIFFE certificate has no subject, but a name in its place: `URI:spiffe://…`.
  const name = formatSubject(certificate.subject) || certificate.subjectaltname;
  return escapeInvisible(name ?? "").slice(0, SUBJECT_LIMIT);
}

/** What Node.js tells of a certificate, as far as it names somebody. */
interface NamedCertificate {
  readonly subject: object;
  readonly subjectaltname?: string | undefined;
}

/** UTF-16 units; a CA may sign any length. */
const SUBJECT_LIMIT = 256;

/** As a string, the most particular first: RFC 4514. */
export function formatSubject(subject: object): string {
  return Object.entries(subject).reverse().flatMap(([type, value]) =>
    [value].flat().map((one) => `${type}=${escape(String(one))}`)
  ).join(",");
}

function escape(value: string): string {
  return value.replace(/[\\,+"<>;=]|^[ #]| $/g, "\\$&");
}
