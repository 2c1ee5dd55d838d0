/** Which process has the path of a Unix socket, when more than one could. */
import assert from "node:assert/strict";
import { addVxlan, type Finished, type Namespace } from "../support/namespace.ts";
import { serveCommand } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { makeQuietNamespace } from "./host.ts";
import { monitorsOf } from "./processes.ts";
import { fullTest } from "../support/suite.ts";

const FOLDER = "/run/quilt";
const PATH = `${FOLDER}/sidecar.sock`;
const command = serveCommand([], undefined, "serve:unix");

/** A namespace with vxlan100, and the folder with nothing in it. */
async function makeHost(): Promise<Namespace> {
  await Deno.mkdir(FOLDER, { recursive: true });
  for (const { name } of Deno.readDirSync(FOLDER)) Deno.removeSync(`${FOLDER}/${name}`);
  const namespace = await makeQuietNamespace();
  await addVxlan(namespace);
  return namespace;
}

/** A stale socket, as a kill leaves it. */
async function leaveDeadSocket(namespace: Namespace): Promise<void> {
  await using killed = await startSidecar(namespace, { command });
  killed.kill("SIGKILL");
  await killed.status;
}

function sentenceOf({ code, stderr }: Finished): readonly [number, string] {
  return [code, stderr.trimEnd().replace(/^\S+Z /, "")];
}

const IN_USE =
  `ERROR: Cannot listen on unix://${PATH}: the socket is in use; find the ` +
  `process with: ss -lxp 'src = ${PATH}'; if only an ip has it, a killed sidecar has ` +
  "left that process behind: end it";

Deno.test("a sidecar that ends does not remove a socket that has replaced its own", async () => {
  await using namespace = await makeHost();
  await using sidecar = await startSidecar(namespace, { command });
  Deno.removeSync(PATH);
  using _other = Deno.listen({ transport: "unix", path: PATH });
  assert.equal((await sidecar.stop()).code, 0);
  using _connection = await Deno.connect({ transport: "unix", path: PATH });
});

fullTest(
  "two starts on the same stale socket: one serves, and the other ends with 1",
  async () => {
    await using namespace = await makeHost();
    for (let round = 0; round < 4; round += 1) {
      await leaveDeadSocket(namespace);
      const starts = await Promise.allSettled([
        startSidecar(namespace, { command }),
        startSidecar(namespace, { command }),
      ]);
      for (const start of starts) {
        if (start.status === "rejected") assert.match(String(start.reason), /in use/);
        else await start.value[Symbol.asyncDispose]();
      }
      const serving = starts.filter(({ status }) => status === "fulfilled");
      assert.equal(serving.length, 1, `round ${round}`);
      Deno.removeSync(PATH);
    }
  },
);

Deno.test("a start does not report a socket as in use that its user may not connect to", async () => {
  await using namespace = await makeHost();
  await leaveDeadSocket(namespace);
  await Deno.chmod(PATH, 0o000);
  // As root has it who lacks the capability to pass by permissions.
  const launcher = ["setpriv", "--inh-caps", "-dac_override,-dac_read_search"];
  launcher.push("--bounding-set", "-dac_override,-dac_read_search");
  assert.deepEqual(sentenceOf(await namespace.run([...launcher, ...command])), [
    1,
    `ERROR: Cannot listen on unix://${PATH}: the path is a socket that this user may not ` +
    "connect to; use a path in a directory that this user may write to; no file may " +
    "be there but a socket on which no process listens",
  ]);
});

Deno.test("the ip monitor of a killed sidecar holds its socket, as the sentence says", async () => {
  await using namespace = await makeHost();
  await using sidecar = await startSidecar(namespace, { command });
  const monitor = () => monitorsOf(sidecar)[0]?.pid;
  const first = monitor();
  assert.ok(first !== undefined);
  // Only one that is started after the socket was made inherits it.
  Deno.kill(first, "SIGKILL");
  const orphan = await until(() => {
    const next = monitor();
    return next === first ? undefined : next;
  }, { what: "the next monitor" });
  sidecar.kill("SIGKILL");
  await sidecar.status;
  assert.deepEqual(sentenceOf(await namespace.run(command)), [1, IN_USE]);
  Deno.kill(orphan, "SIGKILL");
  await using _next = await startSidecar(namespace, { command });
});
