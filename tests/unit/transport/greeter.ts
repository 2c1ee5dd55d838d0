import assert from "node:assert/strict";
import { createServer } from "node:net";
import { TlsAcceptor } from "../../../src/transport/tls/acceptor.ts";
import type { TlsMaterial } from "../../../src/transport/tls/files.ts";
import { runToEnd } from "../../support/namespace.ts";

/** A TLS server that greets each client that it accepts, by a clock that a test sets. */
export interface Greeter extends Disposable {
  reload(material: TlsMaterial): void;
  /** Puts the clock forward. */
  wait(ms: number): void;
  /** The handshake of openssl's client; undefined if it failed. */
  greet(words: readonly string[]): Promise<"full" | "resumed" | undefined>;
}

/** @throws {Error} what Deno throws for material that it cannot use */
export async function openGreeter(material: TlsMaterial): Promise<Greeter> {
  let handshake: "full" | "resumed" | undefined;
  let waitedMs = 0;
  const acceptor = new TlsAcceptor(
    material,
    (socket) => {
      handshake = socket.isSessionReused() ? "resumed" : "full";
      socket.end("welcome");
    },
    () => {},
    () => new Date(Date.now() + waitedMs),
  );
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on("error", () => {});
    acceptor.accept(socket);
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", listening.resolve);
  await listening.promise;
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const to = ["-connect", `127.0.0.1:${address.port}`, "-alpn", "h2", "-quiet"];
  return {
    reload: (next) => acceptor.reload(next),
    wait: (ms) => void (waitedMs += ms),
    async greet(words) {
      handshake = undefined;
      const { stdout } = await runToEnd(["openssl", "s_client", ...to, ...words]);
      assert.equal(stdout, handshake === undefined ? "" : "welcome");
      return handshake;
    },
    [Symbol.dispose]: () => void server.close(),
  };
}
