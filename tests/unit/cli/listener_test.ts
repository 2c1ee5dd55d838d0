import assert from "node:assert/strict";
import { identifyListener, type Listener } from "../../../src/cli/listener.ts";
import { DEFAULT_LISTEN_ADDRESS } from "../../../src/transport/listen_address.ts";
import { startServer } from "../../../src/transport/server.ts";

const DEADLINE_MS = 300;

/** What a listener does with each connection. */
type Behaviour = (connection: Deno.Conn) => Promise<void> | void;

const request = new Uint8Array(1_024);

async function answer(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  await connection.read(request);
  await connection.write(bytes);
  connection.close();
}

const text = (words: string): Uint8Array => new TextEncoder().encode(words);

const BEHAVIOURS: readonly (readonly [what: string, Behaviour, Listener])[] = [
  ["one that says nothing", () => {}, "silent"],
  ["one that ends each connection", (connection) => connection.close(), "other"],
  [
    "one that speaks first and waits",
    (connection) => void connection.write(text("SSH-2.0-OpenSSH_9.2\r\n")),
    "other",
  ],
  [
    "a server of HTTP/1.1",
    (connection) =>
      answer(connection, text("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")),
    "other",
  ],
  [
    "one that answers with an alert of TLS",
    (connection) => answer(connection, new Uint8Array([21, 3, 3, 0, 2, 2, 50])),
    "tls",
  ],
];

for (const [what, behave, expected] of BEHAVIOURS) {
  Deno.test(`identifyListener takes ${what} for ${expected}`, async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted: Deno.Conn[] = [];
    const accepting = listener.accept().then(async (connection) => {
      accepted.push(connection);
      await behave(connection);
    });
    const { port } = listener.addr;
    const address = { kind: "tcp", host: "127.0.0.1", port } as const;
    assert.equal(await identifyListener(address, DEADLINE_MS), expected);
    await accepting;
    listener.close();
    for (const connection of accepted) {
      try {
        connection.close();
      } catch {
        // It is closed already.
      }
    }
  });
}

Deno.test("identifyListener finds a sidecar's server, whatever its health, and that nothing listens", async () => {
  const started = await startServer(DEFAULT_LISTEN_ADDRESS, []);
  assert.ok(started.ok);
  assert.equal(await identifyListener(DEFAULT_LISTEN_ADDRESS, 5_000), "sidecar");
  await started.value.close(0);
  assert.equal(await identifyListener(DEFAULT_LISTEN_ADDRESS, 5_000), "none");
  const socket = { kind: "unix", path: "/nonexistent/sidecar.sock" } as const;
  assert.equal(await identifyListener(socket, 5_000), "none");
});
