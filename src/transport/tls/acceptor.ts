import type { Socket } from "node:net";
import { createServer, type Server, type TlsOptions, type TLSSocket } from "node:tls";
import { Resumption } from "./resumption_policy.ts";
import type { TlsMaterial } from "./files.ts";
import { readTlsRefusal, type TlsRefusal } from "./handshake_error.ts";

const HANDSHAKE_MS = 10_000;

/** Makes TLS connections of plain ones, as a server. */
export class Handshakes {
  readonly #server: Server;
  readonly #resumption: Resumption;

  /**
   * @param secured given each connection whose client has proved what it must
   * @param refused told why one was ended
   * @param now the time by which certificates are valid
   */
  constructor(
    material: TlsMaterial,
    secured: (socket: TLSSocket) => void,
    refused: (refusal: TlsRefusal) => void,
    now: () => Date = () => new Date(),
  ) {
    this.#resumption = new Resumption(material.ca, HANDSHAKE_MS, now);
    this.#server = createServer({
      ...contextOf(material),
      handshakeTimeout: HANDSHAKE_MS,
    });
    this.#server.on("secureConnection", (socket) => {
      // Unheard, it would end the process.
      socket.on("error", () => {});
      if (this.#resumption.admits(socket)) return secured(socket);
      // With TLS 1.3 it gets no new ticket in this way, and a client that uses each once,
      // as rustls does, shows its certificate when it has no more.
      socket.destroy();
      refused({ kind: "old-session" });
    });
    this.#server.on("tlsClientError", (error, socket) => {
      // Deno 2.9.3 leaves the connection open when the time is over.
      socket.destroy();
      // null as long as the certificate was not looked at, and typed otherwise.
      refused(readTlsRefusal(error.message, Boolean(socket.authorizationError)));
    });
  }

  /** Handshakes that begin from now on use this. */
  renew(material: TlsMaterial): void {
    this.#server.setSecureContext(contextOf(material));
    this.#resumption.renew(material.ca);
  }

  begin(socket: Socket): void {
    this.#server.emit("connection", socket);
  }
}

/** Deno knows TLS 1.2 and 1.3 only; the oldest version is named all the same. */
function contextOf({ ca, cert, key }: TlsMaterial): TlsOptions {
  const server: TlsOptions = {
    cert,
    key,
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.2",
  };
  return ca === undefined
    ? server
    : { ...server, ca, requestCert: true, rejectUnauthorized: true };
}
