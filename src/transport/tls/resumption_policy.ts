import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { parseCertificates } from "./files.ts";

/** Intermediate certificates of a chain; more than any CA has. */
const MAX_INTERMEDIATES = 8;
/** Client certificates that are cached. */
const MAX_VERIFIED = 1_024;

/**
 * Decides whether a client may resume a TLS session. In a resumed session the client sends
 * no certificate. Deno 2.9.3 accepts whatever it accepted when the session began, although
 * the certificate may have expired or the CAs may have changed, and its sessions cannot be
 * invalidated: new ticket keys, a new context or a new server have no effect.
 */
export class ResumptionPolicy {
  readonly #now: () => Date;
  readonly #handshakeTimeoutMs: number;
  #ca: string | undefined;
  #authorities: readonly X509Certificate[];
  /** Certificates that TLS verified by the present CAs: expiry by fingerprint. */
  readonly #verified = new Map<string, Date>();
  /** The last handshake with the previous CAs ends by then. */
  #previousCasUntil = new Date(0);

  /**
   * @param ca the CAs in PEM; undefined: no client needs a certificate
   * @param handshakeTimeoutMs how long a handshake may take
   * @param now the time that certificates are checked against
   */
  constructor(ca: string | undefined, handshakeTimeoutMs: number, now: () => Date) {
    this.#ca = ca;
    this.#authorities = readAuthorities(ca);
    this.#handshakeTimeoutMs = handshakeTimeoutMs;
    this.#now = now;
  }

  /** Uses these CAs from now on. */
  reload(ca: string | undefined): void {
    if (ca === this.#ca) return;
    this.#ca = ca;
    this.#authorities = readAuthorities(ca);
    this.#verified.clear();
    this.#previousCasUntil = new Date(this.#now().getTime() + this.#handshakeTimeoutMs);
  }

  /** Whether a full handshake would succeed now; false for a stale session. */
  allows(socket: TLSSocket): boolean {
    if (this.#ca === undefined) return true;
    const [leaf, ...intermediates] = chainOf(socket);
    if (leaf === undefined) return false;
    if (!socket.isSessionReused()) {
      if (this.#now() >= this.#previousCasUntil) this.#cache(leaf, intermediates);
      return true;
    }
    const expiry = this.#verified.get(leaf.fingerprint256);
    return expiry !== undefined && this.#now() <= expiry ||
      this.#isTrusted(leaf, new Set(intermediates));
  }

  #cache(leaf: X509Certificate, intermediates: readonly X509Certificate[]): void {
    const [oldest] = this.#verified.keys();
    if (this.#verified.size >= MAX_VERIFIED && oldest !== undefined) {
      this.#verified.delete(oldest);
    }
    const expiries = [leaf, ...intermediates.filter((one) => !this.#isAuthority(one))]
      .map(({ validTo }) => Date.parse(validTo));
    this.#verified.set(leaf.fingerprint256, new Date(Math.min(...expiries)));
  }

  /** @param intermediates of the chain to a CA; each is used once */
  #isTrusted(
    certificate: X509Certificate,
    intermediates: Set<X509Certificate>,
  ): boolean {
    const now = this.#now();
    const { validFrom, validTo } = certificate;
    if (now < new Date(validFrom) || now > new Date(validTo)) return false;
    if (this.#isAuthority(certificate)) return true;
    if (this.#authorities.some((authority) => isIssuedBy(certificate, authority))) {
      return true;
    }
    for (const issuer of intermediates) {
      if (!issuer.ca || !isIssuedBy(certificate, issuer)) continue;
      intermediates.delete(issuer);
      if (this.#isTrusted(issuer, intermediates)) return true;
    }
    return false;
  }

  #isAuthority({ fingerprint256 }: X509Certificate): boolean {
    return this.#authorities.some((one) => one.fingerprint256 === fingerprint256);
  }
}

function readAuthorities(ca: string | undefined): readonly X509Certificate[] {
  return ca === undefined ? [] : parseCertificates(ca) ?? [];
}

/**
 * Whether the issuer has signed the certificate. Deno 2.9.3 supports fewer signatures here
 * than in a handshake: none of P-521 and RSASSA-PSS, of P-384 only with SHA-384. One that it
 * does not support counts as invalid.
 */
function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/** The client's chain of the full handshake, its own certificate first. */
function chainOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let current: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (current?.raw !== undefined && chain.length <= MAX_INTERMEDIATES) {
    chain.push(new X509Certificate(current.raw));
    const issuer: DetailedPeerCertificate = current.issuerCertificate;
    current = issuer === current ? undefined : issuer;
  }
  return chain;
}
