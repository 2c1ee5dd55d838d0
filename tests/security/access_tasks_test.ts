import assert from "node:assert/strict";
import { makeQuietNamespace } from "../e2e/host.ts";
import { openTlsHost } from "../e2e/tls_host.ts";
import { connectClient, type QuiltClient } from "../support/client.ts";
import { holdSocket } from "../support/held_socket.ts";
import { addVxlan, type Namespace } from "../support/namespace.ts";
import {
  CLIENT_COMMANDS,
  type ClientCommand,
  clientCommand,
  type ClientTask,
  clientTask,
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
  await sidecar.logged(/Reloaded the TLS files/);
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

/** What every client task has, whatever it asks and by which way. */
const CLIENT_FLAGS = [
  "--cached-only",
  "--frozen",
  "--ignore-env",
  "--no-prompt",
  "--no-remote",
  "--quiet",
];

/** How it may be drawn: with colours, with which characters. */
const TERMINAL = "--allow-env=LANG,LC_ALL,LC_CTYPE,TERM";

/** What a command is granted besides the sidecar's address. */
const FURTHER_GRANTS: Readonly<Partial<Record<ClientCommand, readonly string[]>>> = {
  status: [TERMINAL],
  routes: [TERMINAL],
  events: [TERMINAL],
  doctor: [TERMINAL, "--allow-run=ip"],
  bundle: ["--allow-run=ip"],
};

/** The three ways to a sidecar: what each is granted, and says on the command line. */
const WAYS = [
  { way: "", grants: ["--allow-net=127.0.0.1:50051"], words: [] },
  {
    way: ":unix",
    grants: [
      `--allow-net=unix:${SOCKET}`,
      `--allow-read=${SOCKET}`,
      `--allow-write=${SOCKET}`,
    ],
    words: ["--grpc-addr", `unix://${SOCKET}`],
  },
  {
    way: ":tls",
    grants: ["--allow-net=127.0.0.1:50051", "--allow-read=/etc/quilt/tls"],
    words: [
      ...["--tls-cert", "/etc/quilt/tls/tls.crt"],
      ...["--tls-key", "/etc/quilt/tls/tls.key"],
      ...["--tls-ca", "/etc/quilt/tls/ca.crt"],
    ],
  },
] as const;

for (const command of CLIENT_COMMANDS) {
  Deno.test(`the tasks ${command}, ${command}:unix and ${command}:tls have the grants for their way to the sidecar, and no others`, () => {
    for (const { grants, way, words } of WAYS) {
      const { args, flags, program } = clientTask(`${command}${way}`);
      const further = FURTHER_GRANTS[command] ?? [];
      const expected = [...CLIENT_FLAGS, ...grants, ...further];
      assert.deepEqual([...flags].sort(), expected.sort());
      assert.deepEqual([program, ...args], ["src/main.ts", command, ...words]);
    }
  });
}

const OFFLINE_GRANTS = {
  audit: [],
  completions: [],
  man: [],
  uninstall: ["--allow-net=127.0.0.1:50051", "--allow-run=ip"],
} as const;

Deno.test("the tasks that ask no sidecar have no grant, but that uninstall looks whether one listens, and has ip", () => {
  for (const command of ["audit", "completions", "man", "uninstall"] as const) {
    const { args, flags, program } = clientTask(command);
    const grants = flags.filter((flag) => !CLIENT_FLAGS.includes(flag));
    assert.deepEqual(grants, OFFLINE_GRANTS[command]);
    assert.deepEqual([program, ...args], ["src/main.ts", command]);
  }
});

/** A use of each command that ends by itself. */
const USES:
  readonly (readonly [ClientTask, words: readonly string[], stdin: string])[] = [
    ["configure", ["10.42.1.0/24"], ""],
    ["inject", ["10.42.2.0/24", "vxlan100"], ""],
    ["allocate", ["container-1"], ""],
    ["status", ["--map"], ""],
    ["routes", ["--json"], ""],
    ["addresses", ["--free"], ""],
    ["sync", ["-", "--yes"], "- {destination: 10.42.3.0/24, device: vxlan100}\n"],
    ["remove", ["10.42.3.0/24"], ""],
    ["release", ["container-1"], ""],
    ["health", [], ""],
    ["doctor", ["--probe"], ""],
    ["bundle", [], ""],
    ["audit", ["-"], ""],
    ["completions", ["bash"], ""],
    ["man", [], ""],
  ];

Deno.test("each client task uses only its grants", async () => {
  await using namespace = await makeHost();
  await using _sidecar = await startSidecar(namespace);
  for (const [task, words, stdin] of USES) {
    await using trail = await makeTrail();
    const { env } = trail;
    const asked = await namespace.run(clientCommand(task, words), { env, stdin });
    assert.ok(asked.code === 0 || task === "doctor", `${task}: ${asked.stderr}`);
    const checks = await trail.checks();
    const granted = new RegExp(`^(net 127\\.0\\.0\\.1:50051|${COMMON})$`);
    assert.deepEqual([...checks].filter((check) => !granted.test(check)), [], task);
    const isOffline = task in OFFLINE_GRANTS;
    assert.equal(checks.has("net 127.0.0.1:50051"), !isOffline, `${task}: no trail`);
    const mayRun = task === "doctor" || task === "bundle";
    const runs = [...checks].filter((check) => check.startsWith("run "));
    assert.ok(mayRun || runs.length === 0, `${task}: ${runs.join()}`);
  }
});
