/**
 * TLS of the server: handshakes, the rule for resumed sessions, and the certificate's files.
 * This folder imports src/shared, the logger's type, and Deno's modules; nothing else of
 * src/transport.
 */
import type { Socket } from "node:net";
import { createServer, type Server, type TlsOptions, type TLSSocket } from "node:tls";
import type { TlsMaterial } from "./files.ts";
import { type HandshakeError, parseHandshakeError } from "./handshake_error.ts";
import { ResumptionPolicy } from "./resumption_policy.ts";

const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Accepts TLS connections on plain ones. */
export class TlsAcceptor {
  readonly #server: Server;
  readonly #resumption: ResumptionPolicy;

  /**
   * @param onConnection called with each connection whose client is authenticated
   * @param onError called when a handshake failed; the connection is closed
   * @param now the time that certificates are checked against
   */
  constructor(
    material: TlsMaterial,
    onConnection: (socket: TLSSocket) => void,
    onError: (error: HandshakeError) => void,
    now: () => Date = () => new Date(),
  ) {
    this.#resumption = new ResumptionPolicy(material.ca, HANDSHAKE_TIMEOUT_MS, now);
    this.#server = createServer({
      ...contextOf(material),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    this.#server.on("secureConnection", (socket) => {
      // Without a listener an error would end the process.
      socket.on("error", () => {});
      if (this.#resumption.allows(socket)) return onConnection(socket);
      // The client gets no new TLS 1.3 ticket this way. A client that uses each ticket
      // once, as rustls does, makes a full handshake when it has none left.
      socket.destroy();
      onError({ kind: "stale-session" });
    });
    this.#server.on("tlsClientError", (error, socket) => {
      // Deno 2.9.3 leaves the connection open after the handshake's timeout.
      socket.destroy();
      // Typed otherwise, but null until the certificate was checked.
      onError(parseHandshakeError(error.message, Boolean(socket.authorizationError)));
    });
  }

  /** Uses this material for handshakes that begin from now on. */
  reload(material: TlsMaterial): void {
    this.#server.setSecureContext(contextOf(material));
    this.#resumption.reload(material.ca);
  }

  /** Begins the handshake on a connection. */
  accept(socket: Socket): void {
    this.#server.emit("connection", socket);
  }
}

/** Deno has TLS 1.2 and 1.3 only; `minVersion` states that for the reader. */
function contextOf({ ca, cert, key }: TlsMaterial): TlsOptions {
  const server: TlsOptions = {
    cert,
    key,
    // By preference; probes and scrapers may have HTTP/1.1 alone.
    ALPNProtocols: ["h2", "http/1.1"],
    minVersion: "TLSv1.2",
  };
  return ca === undefined
    ? server
    : { ...server, ca, requestCert: true, rejectUnauthorized: true };
}
