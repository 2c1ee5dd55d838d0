import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { readCertificates } from "./tls_files.ts";

/** Certificates between a client's and its CA; more than any CA has. */
const MOST_BETWEEN = 8;

/**
 * Who takes up a TLS session shows no certificate. Deno 2.9.3 lets in whoever was let in
 * when the session began, whatever has become of the certificate or of the CAs, and
 * cannot be made to forget: neither other ticket keys nor another context or server do.
 */
export class Resumption {
  readonly #now: () => Date;
  #ca: string | undefined;
  #authorities: readonly X509Certificate[];
  /** Before, each session began with a signature of these CAs: the library saw to it. */
  #haveChanged = false;

  /**
   * @param ca the CAs in PEM; undefined: every client is let in
   * @param now the time by which certificates are valid
   */
  constructor(ca: string | undefined, now: () => Date) {
    this.#ca = ca;
    this.#authorities = readAuthorities(ca);
    this.#now = now;
  }

  /** These are the CAs from now on. */
  renew(ca: string | undefined): void {
    if (ca === this.#ca) return;
    this.#ca = ca;
    this.#authorities = readAuthorities(ca);
    this.#haveChanged = true;
  }

  /** Whether a client would be let in now as well if it had to show its certificate. */
  admits(socket: TLSSocket): boolean {
    if (this.#ca === undefined || !socket.isSessionReused()) return true;
    const [own, ...between] = chainOf(socket);
    return own !== undefined && this.#isVouchedFor(own, new Set(between));
  }

  /** @param between those that may stand between it and a CA; each is taken once */
  #isVouchedFor(own: X509Certificate, between: Set<X509Certificate>): boolean {
    const now = this.#now();
    if (now < new Date(own.validFrom) || now > new Date(own.validTo)) return false;
    const isIssuedBy = (issuer: X509Certificate): boolean =>
      own.checkIssued(issuer) && (!this.#haveChanged || isSignedBy(own, issuer));
    const isPinned = this.#authorities.some(({ raw }) => raw.equals(own.raw));
    if (isPinned || this.#authorities.some(isIssuedBy)) return true;
    for (const issuer of between) {
      if (!issuer.ca || !isIssuedBy(issuer)) continue;
      between.delete(issuer);
      if (this.#isVouchedFor(issuer, between)) return true;
    }
    return false;
  }
}

function readAuthorities(ca: string | undefined): readonly X509Certificate[] {
  return ca === undefined ? [] : readCertificates(ca) ?? [];
}

/** Deno 2.9.3 does not know every kind of signature; an unknown one is none. */
function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/** What the client showed when the session began: its own certificate first. */
function chainOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let shown: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (shown?.raw !== undefined && chain.length <= MOST_BETWEEN) {
    chain.push(new X509Certificate(shown.raw));
    shown = shown.issuerCertificate === shown ? undefined : shown.issuerCertificate;
  }
  return chain;
}
