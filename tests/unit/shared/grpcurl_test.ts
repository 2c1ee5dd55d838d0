import assert from "node:assert/strict";
import {
  type CallTarget,
  DEFAULT_TARGET,
  grpcurlCommand,
} from "../../../src/shared/grpcurl.ts";

const METHOD = "quilt.QuiltRuntime/RemoveRoute";
const REQUEST = { destination: "10.42.2.0/24" };

function command(target: CallTarget): string {
  return grpcurlCommand(target, METHOD, REQUEST);
}

Deno.test("grpcurlCommand calls where the sidecar listens", () => {
  const line = (target: string) =>
    `grpcurl -plaintext -d '{"destination": "10.42.2.0/24"}' ${target} ${METHOD}`;
  const at = (address: CallTarget["address"]) => command({ address, tls: undefined });
  assert.equal(command(DEFAULT_TARGET), line("127.0.0.1:50051"));
  assert.equal(at({ kind: "fd" }), line("ADDRESS"));
  assert.equal(
    at({ kind: "tcp", host: "192.0.2.1", port: 4711 }),
    line("192.0.2.1:4711"),
  );
  assert.equal(
    at({ kind: "unix", path: "/run/quilt/sidecar.sock" }),
    line("-unix /run/quilt/sidecar.sock"),
  );
  assert.equal(
    at({ kind: "unix", path: "/run/o'clock; reboot" }),
    line("-unix '/run/o'\\''clock; reboot'"),
  );
});

Deno.test("grpcurlCommand presents the sidecar's own certificate if clients need one", () => {
  const files = { cert: "/etc/quilt/tls.crt", key: "/etc/quilt/tls.key" };
  const over = (ca: string | undefined) =>
    command({ ...DEFAULT_TARGET, tls: { ...files, ca } });
  const rest = `-d '{"destination": "10.42.2.0/24"}' 127.0.0.1:50051 ${METHOD}`;
  assert.equal(
    over("/etc/my CA.crt"),
    "grpcurl -cacert '/etc/my CA.crt' -cert /etc/quilt/tls.crt " +
      `-key /etc/quilt/tls.key ${rest}`,
  );
  assert.equal(over(undefined), `grpcurl -insecure ${rest}`);
});
