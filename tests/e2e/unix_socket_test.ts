import assert from "node:assert/strict";
import { connectClient } from "../support/client.ts";
import { addVxlan, type Finished, type Namespace } from "../support/namespace.ts";
import { serveCommand } from "../support/serve_task.ts";
import { serveToEnd, type Sidecar, startSidecar } from "../support/sidecar.ts";
import { auditRecords, done, makeQuietNamespace, untilServing } from "./host.ts";
import { fullTest } from "../support/suite.ts";

const FOLDER = "/run/quilt";
const PATH = `${FOLDER}/sidecar.sock`;
const ADDRESS = `unix://${PATH}`;

/** The words of the task, and further ones. */
function unixCommand(...options: readonly string[]): readonly string[] {
  return serveCommand(options, undefined, "serve:unix");
}

/** A namespace with vxlan100, and the folder as a service manager makes it: empty. */
async function makeHost(): Promise<Namespace> {
  if (exists(FOLDER)) await Deno.remove(FOLDER, { recursive: true });
  await Deno.mkdir(FOLDER);
  const namespace = await makeQuietNamespace();
  await addVxlan(namespace);
  return namespace;
}

function start(namespace: Namespace, ...options: readonly string[]): Promise<Sidecar> {
  return startSidecar(namespace, { command: unixCommand(...options) });
}

/** What a sidecar that cannot start prints. */
function sentenceOf({ code, stderr, stdout }: Finished): readonly [number, string] {
  assert.equal(stdout, "");
  return [code, stderr.replace(/^\S+Z /, "")];
}

function exists(path: string): boolean {
  try {
    return Deno.lstatSync(path).ino !== null;
  } catch {
    return false;
  }
}

Deno.test("a Unix socket serves the agent as a port does, and the audit log distinguishes its connections", async () => {
  await using namespace = await makeHost();
  await using sidecar = await start(namespace);
  assert.match(sidecar.log.join("\n"), /INFO: Starting gRPC server on unix:\/\/\/run/);
  for (const peer of [2, 3]) {
    await using client = await connectClient(namespace, ADDRESS);
    assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
    const destination = `10.42.${peer}.0/24`;
    assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
  }
  // Its trail is complete when it has ended.
  assert.equal((await sidecar.stop()).code, 0, sidecar.log.join("\n"));
  const peers = auditRecords(sidecar).filter(({ rpc }) => rpc === "InjectRoute")
    .map(({ peer }) => peer);
  assert.deepEqual([...new Set(peers)], [`${ADDRESS}#1`, `${ADDRESS}#2`]);
  assert.equal(exists(PATH), false, "the socket outlived its sidecar");
});

for (
  const [options, mode] of [[[], 0o600], [["--socket-mode", "0660"], 0o660]] as const
) {
  Deno.test(`the socket has mode ${mode.toString(8)} with ${JSON.stringify(options)}`, async () => {
    await using namespace = await makeHost();
    await using _sidecar = await start(namespace, ...options);
    assert.equal((Deno.lstatSync(PATH).mode ?? 0) & 0o777, mode);
    assert.deepEqual([...Deno.readDirSync(FOLDER)].map(({ name }) => name), [
      "sidecar.sock",
    ]);
  });
}

Deno.test("health connects to a Unix socket, with the grants of the serve:unix task", async () => {
  await using namespace = await makeHost();
  const words = unixCommand().map((word) => word === "serve" ? "health" : word);
  {
    await using _sidecar = await start(namespace);
    await untilServing(() => namespace.run(words));
  }
  const { code, stderr } = await namespace.run(words);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^The sidecar on unix:\/\/\/run\/\S+ does not answer: [^\n]+\n$/,
  );
});

fullTest("a start replaces the socket of a sidecar that was killed", async () => {
  await using namespace = await makeHost();
  {
    await using sidecar = await start(namespace);
    sidecar.kill("SIGKILL");
    await sidecar.status;
  }
  assert.equal(exists(PATH), true, "nothing was left to replace");
  await using _next = await start(namespace);
  await using client = await connectClient(namespace, ADDRESS);
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
});

fullTest(
  "a start leaves a socket in use alone, and ends with 1 and one sentence",
  async () => {
    await using namespace = await makeHost();
    await using _first = await start(namespace);
    await using client = await connectClient(namespace, ADDRESS);
    assert.deepEqual(sentenceOf(await namespace.run(unixCommand())), [
      1,
      `ERROR: Cannot listen on ${ADDRESS}: the socket is in use; find the process with: ` +
      `ss -lxp 'src = ${PATH}'; if only an ip has it, a killed sidecar has left ` +
      "that process behind: end it\n",
    ]);
    assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
    await using _another = await connectClient(namespace, ADDRESS);
  },
);

Deno.test("a start leaves a file alone that is no socket", async () => {
  await using namespace = await makeHost();
  await Deno.writeTextFile(PATH, "precious");
  assert.deepEqual(sentenceOf(await namespace.run(unixCommand())), [
    1,
    `ERROR: Cannot listen on ${ADDRESS}: the path is a file that is not a socket; use a path ` +
    "in a directory that this user may write to; no file may be there but a socket on " +
    "which no process listens\n",
  ]);
  assert.equal(await Deno.readTextFile(PATH), "precious");
});

Deno.test("a start on a Unix socket without its directory, or without the grants, ends with one sentence", async () => {
  await using namespace = await makeHost();
  await Deno.remove(FOLDER, { recursive: true });
  const [code, sentence] = sentenceOf(await namespace.run(unixCommand()));
  assert.equal(code, 1);
  assert.match(
    sentence,
    /^ERROR: Cannot listen on unix:\/\/\/run\/\S+: ENOENT: .*; use a path in a directory/,
  );
  assert.deepEqual(sentenceOf(await serveToEnd(namespace, ["--grpc-addr", ADDRESS])), [
    2,
    `ERROR: Cannot listen on ${ADDRESS}: the sandbox grants only 127.0.0.1:50051; start ` +
    `with --allow-net=unix:${PATH} --allow-read=${PATH} --allow-write=${PATH} ` +
    "(see docs/tls-and-sockets.md) or leave --grpc-addr out\n",
  ]);
});
