import assert from "node:assert/strict";
import { makeQuietNamespace } from "../e2e/host.ts";
import { openTlsHost } from "../e2e/tls_host.ts";
import { connectClient, type QuiltClient } from "../support/client.ts";
import { holdSocket } from "../support/held_socket.ts";
import { addVxlan, type Namespace } from "../support/namespace.ts";
import {
  clientCommand,
  serveCommand,
  type ServeTask,
  serveTask,
} from "../support/serve_task.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { makeTrail, type PermissionTrail } from "./permission_trail.ts";

const SOCKET = "/run/quilt/sidecar.sock";

/** What each task grants, where the plain one grants the net of one port. */
const tasks: readonly (readonly [task: ServeTask, grants: readonly string[]])[] = [
  ["serve:tls", ["--allow-net=127.0.0.1:50051", "--allow-read=/etc/quilt/tls"]],
  [
    "serve:unix",
    [
      `--allow-net=unix:${SOCKET}`,
      `--allow-read=${SOCKET}`,
      `--allow-write=${SOCKET}`,
    ],
  ],
];

for (const [task, grants] of tasks) {
  Deno.test(`the ${task} task is the serve task with ${grants.join(" ")} in the place of its net`, () => {
    const plain = serveTask().flags.filter((flag) => !flag.startsWith("--allow-net="));
    const { flags, program, args } = serveTask(task);
    assert.deepEqual([...flags].sort(), [...plain, ...grants].sort());
    assert.deepEqual([program, args[0]], ["src/main.ts", "serve"]);
  });
}

/** What Deno may be asked for in any of them. */
const COMMON = String.raw`run ip|run /\S*/ip|env [A-Za-z0-9_*]+`;

/** Some calls, then SIGTERM; returns all permission checks except the granted ones. */
async function checksBeyond(
  granted: RegExp,
  trail: PermissionTrail,
  sidecar: Sidecar,
  client: QuiltClient,
): Promise<readonly string[]> {
  const done = { success: true, error: "" };
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  assert.equal((await sidecar.stop()).code, 0, sidecar.log.join("\n"));
  const checks = await trail.checks();
  assert.ok(checks.size > 0, "Deno wrote no trail");
  return [...checks].filter((check) => !granted.test(check));
}

async function makeHost(): Promise<Namespace> {
  const namespace = await makeQuietNamespace();
  await addVxlan(namespace);
  return namespace;
}

Deno.test("the serve:tls task uses only its grants from start to end, with a certificate reload", async () => {
  await using trail = await makeTrail();
  const { env } = trail;
  await using host = await openTlsHost({ env });
  const { authority, directory, sidecar } = host;
  await using client = await host.connect(await authority.issue("agent"));
  const next = await authority.issue("next");
  await Deno.copyFile(next.cert, `${directory}/tls.crt`);
  await Deno.copyFile(next.key, `${directory}/tls.key`);
  await sidecar.logged(/TLS files renewed/);
  const granted = new RegExp(
    `^(net 127.0.0.1:50051|read ${directory}/[^/]+|${COMMON})$`,
  );
  assert.deepEqual(await checksBeyond(granted, trail, sidecar, client), []);
});

Deno.test("the serve:unix task uses only its grants from start to end, with a socket to replace", async () => {
  await using trail = await makeTrail();
  await Deno.mkdir("/run/quilt", { recursive: true });
  await using namespace = await makeHost();
  const command = serveCommand([], undefined, "serve:unix");
  {
    await using killed = await startSidecar(namespace, { command });
    killed.kill("SIGKILL");
  }
  const { env } = trail;
  await using sidecar = await startSidecar(namespace, { command, env });
  await using client = await connectClient(namespace, `unix://${SOCKET}`);
  const granted = new RegExp(
    `^(net (unix:)?${SOCKET}|(read|write) ${SOCKET}|${COMMON})$`,
  );
  assert.deepEqual(await checksBeyond(granted, trail, sidecar, client), []);
});

Deno.test("the serve task uses only its grants from start to end, on an activated socket", async () => {
  await using trail = await makeTrail();
  await using namespace = await makeHost();
  using socket = holdSocket(namespace, { port: 50051 });
  await using sidecar = await startSidecar(namespace, {
    env: trail.env,
    launcher: socket.launcher,
    options: ["--grpc-addr", "fd:3"],
  });
  await using client = await connectClient(namespace);
  const granted = new RegExp(`^(${COMMON})$`);
  assert.deepEqual(await checksBeyond(granted, trail, sidecar, client), []);
});

Deno.test("the status task uses only its grant", async () => {
  await using trail = await makeTrail();
  await using namespace = await makeHost();
  await using _sidecar = await startSidecar(namespace);
  const { env } = trail;
  const asked = await namespace.run(clientCommand("status"), { env });
  assert.equal(asked.code, 0, asked.stderr);
  const checks = await trail.checks();
  assert.ok(checks.has("net 127.0.0.1:50051"), "Deno wrote no trail");
  const granted = /^(net 127\.0\.0\.1:50051|env [A-Za-z0-9_*]+)$/;
  assert.deepEqual([...checks].filter((check) => !granted.test(check)), []);
});
