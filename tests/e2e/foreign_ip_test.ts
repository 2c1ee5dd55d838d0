/** An `ip` that is not the ip of iproute2, at the start or later, is named. */
import assert from "node:assert/strict";
import { connectClient } from "../support/client.ts";
import { BUSYBOX, makeIp, replaceProgram } from "../support/foreign_ip.ts";
import { addVxlan, type Namespace, runToEnd } from "../support/namespace.ts";
import { serveCommand, serveCommandInPath } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { partOf } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import { changesIn, done, makeQuietNamespace } from "./host.ts";

const PATH = Deno.env.get("PATH") ?? "";

const REMEDY =
  "; the sidecar needs the ip of iproute2: install the package iproute2, " +
  "and put its ip before any other (BusyBox) in PATH";

/** The only line of a sidecar that finds this `ip`, without time and level. */
async function onlyLine(namespace: Namespace, directory: string): Promise<string> {
  // Not for the command that enters the namespace, which is an `ip` itself.
  const words = ["env", "NO_COLOR=1", `PATH=${directory}:${PATH}`, ...serveCommand([])];
  const { code, stderr, stdout } = await namespace.run(words);
  assert.deepEqual([code, changesIn(stdout)], [1, []], stderr);
  const [, line] = /^\S+Z ERROR: Cannot read the kernel's routes: ([^\n]+)\n$/.exec(
    stderr,
  ) ?? [];
  assert.ok(line !== undefined, `One line: ${stderr}`);
  return line;
}

const PROGRAMS:
  readonly (readonly [what: string, script: string, line: string | RegExp])[] = [
    [
      "BusyBox's",
      BUSYBOX,
      "ip ended before it answered (exit code 1), and wrote first: " +
      `"BusyBox v1.37.0 multi-call binary."${REMEDY}`,
    ],
    [
      "one that ends at once and writes nothing",
      "#!/bin/sh\nexit 0\n",
      `ip ended before it answered (exit code 0), and wrote nothing${REMEDY}`,
    ],
    [
      "one that answers, but not in JSON",
      "#!/bin/sh\nwhile read -r line; do echo 10.42.2.0/24 dev x; done\n",
      /^ip .*, and wrote first: "10\.42\.2\.0\/24 dev x"; the sidecar needs the ip of iproute2: /,
    ],
    [
      "one that does not know -json",
      `#!/bin/sh\necho 'Option "-json" is unknown, try "ip -help".' >&2\nexit 255\n`,
      "ip ended before it answered (exit code 255), and wrote first: " +
      String.raw`"Option \"-json\" is unknown, try \"ip -help\"."${REMEDY}`,
    ],
    [
      "one that prints its version",
      "#!/bin/sh\necho 'ip utility, 1.2.3'\n",
      "ip ended before it answered (exit code 0), and wrote first: " +
      `"ip utility, 1.2.3"${REMEDY}`,
    ],
    [
      "one that prints pages of usage",
      '#!/bin/sh\nfor i in $(seq 2000); do echo "usage $i"; echo "usage $i" >&2; done\nexit 3\n',
      `ip ended before it answered (exit code 3), and wrote first: "usage 1"${REMEDY}`,
    ],
    [
      "one that writes an escape sequence and a long line",
      "#!/bin/sh\nprintf '\\033[31m%0100d\\n' 1\nexit 1\n",
      "ip ended before it answered (exit code 1), and wrote first: " +
      `"\\u001b[31m${"0".repeat(59)}…"${REMEDY}`,
    ],
    [
      "iproute2's own, which may not open a netlink socket",
      "#!/bin/sh\necho 'Cannot open netlink socket: Permission denied' >&2\nexit 1\n",
      "ip ended before it answered (exit code 1), and wrote first: " +
      '"Cannot open netlink socket: Permission denied"',
    ],
  ];

Deno.test("a start with an ip that is not of iproute2 fails with one line: what it wrote first, and the remedy", async (test) => {
  await using namespace = await makeQuietNamespace();
  for (const [what, script, line] of partOf(PROGRAMS, 3)) {
    await test.step(what, async () => {
      using program = makeIp(script);
      const found = await onlyLine(namespace, program.directory);
      if (typeof line === "string") assert.equal(found, line);
      else assert.match(found, line);
    });
  }
});

Deno.test("a start with an ip that cannot be executed fails as without ip", async () => {
  await using namespace = await makeQuietNamespace();
  using program = makeIp(BUSYBOX, 0o644);
  const words = ["env", "NO_COLOR=1", ...serveCommandInPath([], program.directory)];
  const { code, stderr } = await namespace.run(words);
  assert.equal(code, 1, stderr);
  assert.match(
    stderr,
    /ERROR: Cannot read the kernel's routes: the command ip was not found; install the package iproute2\n$/,
  );
});

/** Ends every `ip` of a sidecar, so that it needs a fresh one. */
async function endIp(pid: number): Promise<void> {
  await runToEnd(["pkill", "-KILL", "-P", String(pid)]);
}

/** A script that is the real `ip` under another path. */
async function realIp(): Promise<string> {
  const { stdout } = await runToEnd(["sh", "-c", "command -v ip"]);
  return `#!/bin/sh\nexec ${stdout.trim()} "$@"\n`;
}

Deno.test("the answer and the log name an ip that was replaced while the sidecar runs, until it is back", async () => {
  await using namespace = await makeQuietNamespace();
  await addVxlan(namespace);
  const real = await realIp();
  using program = makeIp(real);
  await using sidecar = await startSidecar(namespace, {
    launcher: ["env", `PATH=${program.directory}:${PATH}`],
  });
  await using client = await connectClient(namespace);
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  replaceProgram(program.path, BUSYBOX);
  await endIp(sidecar.pid);
  const { error, success } = await client.injectRoute("10.42.3.0/24", "vxlan100");
  assert.equal(success, false);
  assert.equal(
    error,
    "No answer from the kernel about 10.42.3.0/24: ip ended before it answered " +
      `(exit code 1), and wrote first: "BusyBox v1.37.0 multi-call binary."${REMEDY}; ` +
      "the state is unknown, call again",
  );
  await sidecar.logged(
    /WARN: Health is NOT_SERVING, the kernel does not answer: ip ended before it answered .*BusyBox.*iproute2/,
  );
  replaceProgram(program.path, real);
  await sidecar.logged(/INFO: Health is SERVING again/, 60_000);
  await until(
    async () => (await namespace.ip("route show 10.42.3.0/24")) !== "",
    { what: "the route that was asked for meanwhile" },
  );
});

Deno.test("the answer says that ip is gone, and not that the sandbox grants none, while PATH has another ip", async () => {
  await using namespace = await makeQuietNamespace();
  await addVxlan(namespace);
  using program = makeIp(await realIp());
  await using sidecar = await startSidecar(namespace, {
    launcher: ["env", `PATH=${program.directory}:${PATH}`],
  });
  await using client = await connectClient(namespace);
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  Deno.renameSync(program.path, `${program.path}.away`);
  await endIp(sidecar.pid);
  const { error } = await client.injectRoute("10.42.3.0/24", "vxlan100");
  assert.match(
    error,
    /: the ip that the sidecar started with is gone or cannot be executed, and the sandbox does not let the sidecar start another one; put the ip of iproute2 \(package iproute2\) back in its place, or restart the sidecar; /,
  );
  // The monitor has lost its `ip` as well, and logs the same reason.
  await sidecar.logged(
    /WARN: Kernel events may have been lost, .*the ip that the sidecar started with /,
  );
  Deno.renameSync(`${program.path}.away`, program.path);
  await sidecar.logged(/INFO: Health is SERVING again/, 60_000);
});
