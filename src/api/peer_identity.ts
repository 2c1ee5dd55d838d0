import type { ServerUnaryCall } from "@grpc/grpc-js";
import { escapeInvisible } from "../shared/quote.ts";

/** The part of grpc-js's server call that identifies the client. */
export type IncomingCall = Pick<
  ServerUnaryCall<unknown, unknown>,
  "getPeer" | "getAuthContext"
>;

/** The client of a call, as the audit log names it. */
export interface PeerIdentity {
  /** `127.0.0.1:40112`, or `unix:///run/quilt/sidecar.sock#3` for the third connection. */
  readonly peer: string;
  /**
   * Under mTLS the subject of the client's certificate, e.g. `CN=agent,O=Quilt`.
   * Invisible characters are escaped, because a CA may sign any.
   */
  readonly subject?: string;
}

/** The client that makes a call. */
export function peerIdentity(call: IncomingCall): PeerIdentity {
  const peer = call.getPeer();
  const { sslPeerCertificate: certificate } = call.getAuthContext();
  if (certificate === undefined) return { peer };
  return { peer, subject: certificateName(certificate) };
}

/** The part of Node.js's certificate that names its holder. */
export interface NamedCertificate {
  readonly subject: object;
  readonly subjectaltname?: string | undefined;
}

/** In UTF-16 units, because a CA may sign a name of any length. */
const MAX_NAME_LENGTH = 256;

/** The holder of a certificate: its subject, or its alternative name if it has none. */
export function certificateName(certificate: NamedCertificate): string {
  // A SPIFFE certificate has an empty subject and the name `URI:spiffe://…`.
  const name = formatSubject(certificate.subject) || certificate.subjectaltname;
  return escapeInvisible(name ?? "").slice(0, MAX_NAME_LENGTH);
}

/** A subject as a string, the most specific part first: RFC 4514. */
export function formatSubject(subject: object): string {
  return Object.entries(subject).reverse().flatMap(([type, value]) =>
    [value].flat().map((one) => `${type}=${escape(String(one))}`)
  ).join(",");
}

function escape(value: string): string {
  return value.replace(/[\\,+"<>;=]|^[ #]| $/g, "\\$&");
}
