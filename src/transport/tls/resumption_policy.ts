import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { readCertificates } from "./files.ts";

/** Certificates between a client's and its CA; more than any CA has. */
const MOST_BETWEEN = 8;
/** Clients that are remembered. */
const MOST_SHOWN = 1_024;

/**
 * Who takes up a TLS session shows no certificate. Deno 2.9.3 lets in whoever was let in
 * when the session began, whatever has become of the certificate or of the CAs, and
 * cannot be made to forget: neither other ticket keys nor another context or server do.
 */
export class Resumption {
  readonly #now: () => Date;
  readonly #handshakeMs: number;
  #ca: string | undefined;
  #authorities: readonly X509Certificate[];
  /** Whom the library has let in by the present CAs, by fingerprint, and until when. */
  readonly #shown = new Map<string, Date>();
  /** When the last handshake by other CAs is over. */
  #settled = new Date(0);

  /**
   * @param ca the CAs in PEM; undefined: every client is let in
   * @param handshakeMs how long a handshake may take
   * @param now the time by which certificates are valid
   */
  constructor(ca: string | undefined, handshakeMs: number, now: () => Date) {
    this.#ca = ca;
    this.#authorities = readAuthorities(ca);
    this.#handshakeMs = handshakeMs;
    this.#now = now;
  }

  /** These are the CAs from now on. */
  renew(ca: string | undefined): void {
    if (ca === this.#ca) return;
    this.#ca = ca;
    this.#authorities = readAuthorities(ca);
    this.#shown.clear();
    this.#settled = new Date(this.#now().getTime() + this.#handshakeMs);
  }

  /** Whether a client would be let in now as well if it had to show its certificate. */
  admits(socket: TLSSocket): boolean {
    if (this.#ca === undefined) return true;
    const [own, ...between] = chainOf(socket);
    if (own === undefined) return false;
    if (!socket.isSessionReused()) {
      if (this.#now() >= this.#settled) this.#remember(own, between);
      return true;
    }
    const until = this.#shown.get(own.fingerprint256);
    return until !== undefined && this.#now() <= until ||
      this.#isVouchedFor(own, new Set(between));
  }

  #remember(own: X509Certificate, between: readonly X509Certificate[]): void {
    const [oldest] = this.#shown.keys();
    if (this.#shown.size >= MOST_SHOWN && oldest !== undefined) {
      this.#shown.delete(oldest);
    }
    const ends = [own, ...between.filter((one) => !this.#isAuthority(one))]
      .map(({ validTo }) => Date.parse(validTo));
    this.#shown.set(own.fingerprint256, new Date(Math.min(...ends)));
  }

  /** @param between those that may stand between it and a CA; each is taken once */
  #isVouchedFor(own: X509Certificate, between: Set<X509Certificate>): boolean {
    const now = this.#now();
    if (now < new Date(own.validFrom) || now > new Date(own.validTo)) return false;
    if (this.#isAuthority(own)) return true;
    if (this.#authorities.some((authority) => isIssuedBy(own, authority))) return true;
    for (const issuer of between) {
      if (!issuer.ca || !isIssuedBy(own, issuer)) continue;
      between.delete(issuer);
      if (this.#isVouchedFor(issuer, between)) return true;
    }
    return false;
  }

  #isAuthority({ fingerprint256 }: X509Certificate): boolean {
    return this.#authorities.some((one) => one.fingerprint256 === fingerprint256);
  }
}

function readAuthorities(ca: string | undefined): readonly X509Certificate[] {
  return ca === undefined ? [] : readCertificates(ca) ?? [];
}

/**
 * Deno 2.9.3 knows fewer kinds of signatures here than in a handshake: none of P-521 and
 * RSASSA-PSS, of P-384 only with SHA-384. One that it does not know is none.
 */
function isIssuedBy(own: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return own.checkIssued(issuer) && own.verify(issuer.publicKey);
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
