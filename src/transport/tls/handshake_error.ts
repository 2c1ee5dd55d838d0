/** Why a TLS handshake failed. */
export type HandshakeError =
  /** The client closed the connection or sent nothing, as probes and scanners do. */
  | { readonly kind: "closed"; readonly message: string }
  | { readonly kind: "no-certificate" }
  | { readonly kind: "bad-certificate" }
  /** A resumed session, whose client certificate is not valid now. */
  | { readonly kind: "stale-session" }
  /** The client did not accept our certificate. */
  | { readonly kind: "server-certificate-rejected"; readonly message: string }
  | { readonly kind: "not-tls" }
  | { readonly kind: "other"; readonly message: string };

/**
 * Parses the error of Deno 2.9.3.
 *
 * @param message e.g. `received fatal alert: UnknownCA`
 * @param hasBadCertificate Deno has this in another field, because the message lacks it
 */
export function parseHandshakeError(
  message: string,
  hasBadCertificate: boolean,
): HandshakeError {
  if (hasBadCertificate) return { kind: "bad-certificate" };
  if (/^socket hang up|^TLS handshake timeout/.test(message)) {
    return { kind: "closed", message };
  }
  if (message.startsWith("peer sent no certificates")) {
    return { kind: "no-certificate" };
  }
  if (message.startsWith("received fatal alert")) {
    return { kind: "server-certificate-rejected", message };
  }
  if (message.includes("InvalidContentType")) return { kind: "not-tls" };
  return { kind: "other", message };
}

/** The error as a sentence, with its remedy if there is one. */
export function describeHandshakeError(error: HandshakeError): string {
  const refused = "Refused a TLS client";
  switch (error.kind) {
    case "no-certificate":
      return `${refused}: it sent no certificate; give it one of a CA of --tls-ca`;
    case "bad-certificate":
      return `${refused}: its certificate has expired, is not for a client, or is ` +
        "not from a CA of --tls-ca; issue another one, or add its CA";
    case "stale-session":
      return `${refused}: it resumed a session whose certificate is no longer ` +
        "valid; restart it with a valid one";
    case "server-certificate-rejected":
      return `${refused}: it does not accept the certificate of --tls-cert ` +
        `(${error.message}); ` +
        "give it the CA of that certificate, and connect to a name in it";
    case "not-tls":
      return `${refused}: it does not speak TLS; connect with TLS`;
    case "closed":
    case "other":
      return `${refused}: ${error.message}`;
    default:
      return error satisfies never;
  }
}
