import assert from "node:assert/strict";
import { DEFAULT_ADDRESS, grpcurlCommand } from "../../src/node/grpcurl.ts";

const METHOD = "quilt.QuiltRuntime/RemoveRoute";
const REQUEST = { destination: "10.42.2.0/24" };

Deno.test("grpcurlCommand calls where the sidecar listens", () => {
  const line = (target: string) =>
    `grpcurl -plaintext -d '{"destination": "10.42.2.0/24"}' ${target} ${METHOD}`;
  const there = { kind: "tcp", host: "192.0.2.1", port: 4711 } as const;
  const unix = { kind: "unix", path: "/run/quilt/sidecar.sock" } as const;
  const odd = { kind: "unix", path: "/run/o'clock; reboot" } as const;
  const command = (address: Parameters<typeof grpcurlCommand>[0]) =>
    grpcurlCommand(address, METHOD, REQUEST);
  assert.equal(command(DEFAULT_ADDRESS), line("127.0.0.1:50051"));
  assert.equal(command({ kind: "fd" }), line("127.0.0.1:50051"));
  assert.equal(command(there), line("192.0.2.1:4711"));
  assert.equal(command(unix), line("-unix /run/quilt/sidecar.sock"));
  assert.equal(command(odd), line("-unix '/run/o'\\''clock; reboot'"));
});
