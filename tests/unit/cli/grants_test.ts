import assert from "node:assert/strict";
import { runToEnd } from "../../support/namespace.ts";
import { repository } from "../../support/serve_task.ts";
import { DEFAULT_LISTEN_ADDRESS } from "../../../src/transport/listen_address.ts";

const TLS = { cert: "/etc/quilt/tls/tls.crt", key: "/etc/quilt/tls/tls.key" };
const SOCKET = { kind: "unix", path: "/run/quilt/sidecar.sock" } as const;
const TCP = { listen: DEFAULT_LISTEN_ADDRESS };

/** What a process with these flags finds. */
async function grantsOf(flags: readonly string[], things: object): Promise<unknown> {
  const program =
    `const { grantsFor } = await import("${repository}/src/cli/grants.ts");
    console.log(JSON.stringify(grantsFor(${JSON.stringify(things)})));`;
  const { stderr, stdout } = await runToEnd(
    [Deno.execPath(), "run", "--quiet", "--no-prompt", ...flags, "-"],
    { stdin: program },
  );
  assert.notEqual(stdout, "", stderr);
  return JSON.parse(stdout);
}

Deno.test("grantsFor has what of the sandbox's grants the sidecar uses, and each kind that is granted as a whole", async () => {
  const narrow = ["--allow-net=127.0.0.1:50051", "--allow-run=ip", "--ignore-env"];
  assert.deepEqual(await grantsOf(narrow, TCP), ["net=127.0.0.1:50051", "run=ip"]);
  assert.deepEqual(
    await grantsOf([...narrow, "--allow-read=/etc/quilt/tls"], {
      ...TCP,
      tls: { ...TLS, ca: "/etc/ssl/ca.crt" },
    }),
    [
      "net=127.0.0.1:50051",
      "read=/etc/quilt/tls/tls.crt",
      "read=/etc/quilt/tls/tls.key",
      "run=ip",
    ],
  );
  const socket = `--allow-net=unix:${SOCKET.path}`;
  const folder = ["--allow-read=/run/quilt", "--allow-write=/run/quilt"];
  assert.deepEqual(
    await grantsOf([socket, ...folder, "--allow-run"], { listen: SOCKET }),
    [
      `net=unix:${SOCKET.path}`,
      `read=${SOCKET.path}`,
      `write=${SOCKET.path}`,
      "run",
    ],
  );
  assert.deepEqual(
    await grantsOf(["--allow-all"], { listen: { kind: "fd", fd: 3 } }),
    ["net", "read", "write", "run", "env", "sys", "ffi"],
  );
});
