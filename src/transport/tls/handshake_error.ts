/** Why a TLS client was not let in. */
export type TlsRefusal =
  /** It hung up or said nothing, as probes and scanners do. */
  | { readonly kind: "left"; readonly words: string }
  | { readonly kind: "no-certificate" }
  | { readonly kind: "bad-certificate" }
  /** It took up a session, and the certificate with which that began is not valid now. */
  | { readonly kind: "old-session" }
  /** It did not accept our certificate. */
  | { readonly kind: "not-believed"; readonly words: string }
  | { readonly kind: "no-tls" }
  | { readonly kind: "other"; readonly words: string };

/**
 * Reads what Deno 2.9.3 says of it.
 *
 * @param words e.g. `received fatal alert: UnknownCA`
 * @param hasBadCertificate Deno tells it in another place, and the words hide it
 */
export function readTlsRefusal(words: string, hasBadCertificate: boolean): TlsRefusal {
  if (hasBadCertificate) return { kind: "bad-certificate" };
  if (/^socket hang up|^TLS handshake timeout/.test(words)) {
    return { kind: "left", words };
  }
  if (words.startsWith("peer sent no certificates")) return { kind: "no-certificate" };
  if (words.startsWith("received fatal alert")) return { kind: "not-believed", words };
  if (words.includes("InvalidContentType")) return { kind: "no-tls" };
  return { kind: "other", words };
}

/** The refusal as a sentence, with its remedy where there is one. */
export function describeTlsRefusal(refusal: TlsRefusal): string {
  const refused = "A TLS client was refused";
  switch (refusal.kind) {
    case "no-certificate":
      return `${refused}: it showed no certificate; give it one of a CA of --tls-ca`;
    case "bad-certificate":
      return `${refused}: its certificate has expired, is not for a client, or is of ` +
        "no CA of --tls-ca; issue another one, or add its CA";
    case "old-session":
      return `${refused}: it took up a session whose certificate is not valid any ` +
        "more; restart it with a valid one";
    case "not-believed":
      return `${refused}: it does not accept our certificate (${refusal.words}); ` +
        "give it the CA of --tls-cert, and connect to a name of that certificate";
    case "no-tls":
      return `${refused}: it does not speak TLS; connect with TLS`;
    case "left":
    case "other":
      return `${refused}: ${refusal.words}`;
    default:
      return refusal satisfies never;
  }
}
