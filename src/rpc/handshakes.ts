import type { Socket } from "node:net";
import { createServer, type Server, type TlsOptions, type TLSSocket } from "node:tls";
import type { TlsMaterial } from "./tls_files.ts";

const HANDSHAKE_MS = 10_000;

/** Makes TLS connections of plain ones, as a server. */
export class Handshakes {
  readonly #server: Server;
  #pending = 0;
  #idle: PromiseWithResolvers<void> | undefined;

  /**
   * @param secured given each connection whose client has proved what it must
   * @param refused told why one was ended, in the library's words
   */
  constructor(
    material: TlsMaterial,
    secured: (socket: TLSSocket) => void,
    refused: (reason: string) => void,
  ) {
    this.#server = createServer({
      ...contextOf(material),
      handshakeTimeout: HANDSHAKE_MS,
    });
    this.#server.on("secureConnection", (socket) => {
      this.#conclude();
      secured(socket);
    });
    this.#server.on("tlsClientError", (error, socket) => {
      this.#conclude();
      // Deno 2.9.3 leaves the connection open when the time is over.
      socket.destroy();
      refused(error.message);
    });
  }

  /** Handshakes that begin from now on use this. */
  renew(material: TlsMaterial): void {
    this.#server.setSecureContext(contextOf(material));
  }

  begin(socket: Socket): void {
    this.#pending += 1;
    this.#server.emit("connection", socket);
  }

  /** Resolves when each that was begun has come to its end. */
  ended(): Promise<void> {
    if (this.#pending === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  #conclude(): void {
    this.#pending -= 1;
    if (this.#pending === 0) this.#idle?.resolve();
  }
}

/** Deno knows TLS 1.2 and 1.3 only; the oldest version is named all the same. */
function contextOf({ ca, cert, key }: TlsMaterial): TlsOptions {
  const server = {
    cert,
    key,
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.2",
  } as const;
  return ca === undefined
    ? server
    : { ...server, ca, requestCert: true, rejectUnauthorized: true };
}
