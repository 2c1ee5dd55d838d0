import assert from "node:assert/strict";
import { createServer } from "node:net";
import { Handshakes } from "../../../src/transport/tls/acceptor.ts";
import type { TlsMaterial } from "../../../src/transport/tls/files.ts";
import { runToEnd } from "../../support/namespace.ts";

/** A server that greets each client that is let in, by a clock that a test sets. */
export interface Greeter extends Disposable {
  renew(material: TlsMaterial): void;
  /** Puts the clock forward. */
  wait(ms: number): void;
  /** How openssl's client was let in; undefined if it was not. */
  greet(words: readonly string[]): Promise<"shown" | "taken up" | undefined>;
}

/** @throws {Error} what Deno throws for material that it cannot use */
export async function openGreeter(material: TlsMaterial): Promise<Greeter> {
  let how: "shown" | "taken up" | undefined;
  let waitedMs = 0;
  const handshakes = new Handshakes(
    material,
    (socket) => {
      how = socket.isSessionReused() ? "taken up" : "shown";
      socket.end("welcome");
    },
    () => {},
    () => new Date(Date.now() + waitedMs),
  );
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on("error", () => {});
    handshakes.begin(socket);
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", listening.resolve);
  await listening.promise;
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const to = ["-connect", `127.0.0.1:${address.port}`, "-alpn", "h2", "-quiet"];
  return {
    renew: (next) => handshakes.renew(next),
    wait: (ms) => void (waitedMs += ms),
    async greet(words) {
      how = undefined;
      const { stdout } = await runToEnd(["openssl", "s_client", ...to, ...words]);
      assert.equal(stdout, how === undefined ? "" : "welcome");
      return how;
    },
    [Symbol.dispose]: () => void server.close(),
  };
}
