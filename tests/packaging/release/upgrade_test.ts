/**
 * The release before this one, and this one in its place, on a host whose containers talk.
 *
 * @needs before
 */
import assert from "node:assert/strict";
import {
  arrayAt,
  isJsonObject,
  objectAt,
  parseJsonObject,
  stringAt,
} from "../../../deploy/json.ts";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { done, routesTo } from "../../e2e/host.ts";
import { makeTwoHosts, startPinger } from "../../e2e/two_hosts.ts";
import { connectClient } from "../../support/client.ts";
import { type HeldSocket, holdSocket } from "../../support/held_socket.ts";
import { type Namespace, runToEnd } from "../../support/namespace.ts";
import { clientCommand, parseDenoRun } from "../../support/serve_task.ts";
import { type Sidecar, startSidecar } from "../../support/sidecar.ts";
import { releaseBefore } from "../../support/tools.ts";
import { fullTest } from "../../support/suite.ts";
import { until } from "../../support/wait.ts";
import { callAlways } from "./agent.ts";

const OPTIONS = ["--grpc-addr", "fd:3", "--resync-interval", "5"];

/** The words that start serve of the release before, and its variables. */
async function serveOfBefore() {
  const folder = await releaseBefore();
  const source = `${folder}/source`;
  const config = parseJsonObject(await Deno.readTextFile(`${source}/deno.json`));
  const command = stringAt(objectAt(objectAt(config, "tasks"), "serve"), "command");
  const { flags, program, args } = parseDenoRun(command);
  const run = [Deno.execPath(), "run", "--config", `${source}/deno.json`, ...flags];
  return {
    command: [...run, `${source}/${program}`, ...args],
    env: { DENO_DIR: `${folder}/deno-dir`, NO_COLOR: "1" },
  };
}

async function startBefore(
  host: Namespace,
  { launcher }: HeldSocket,
): Promise<Sidecar> {
  const { command, env } = await serveOfBefore();
  return await startSidecar(host, {
    command: [...command, ...OPTIONS],
    env,
    launcher,
    deadlineMs: 30_000,
  });
}

function startNow(host: Namespace, { launcher }: HeldSocket): Promise<Sidecar> {
  return startSidecar(host, { options: OPTIONS, launcher, deadlineMs: 30_000 });
}

async function ask(host: Namespace, ...words: Parameters<typeof clientCommand>) {
  const { code, stdout, stderr } = await host.run(clientCommand(...words));
  assert.equal(code, 0, stderr);
  return stdout;
}

/** What the kernel has of the sidecar on a host, and what it answers. */
async function stateOf(host: Namespace) {
  const addresses = parseJsonObject(await ask(host, "addresses", ["--json"]));
  return {
    table: await host.ip("route show table 142"),
    routes: await routesTo(host, "10.42.2.0/24"),
    addresses: arrayAt(addresses, "addresses").filter(isJsonObject)
      .map(({ address, owner }) => `${address} ${owner}`),
  };
}

/** A host with a sidecar that has a subnet, a route and two addresses, and talks. */
async function prepare(
  start: (host: Namespace, socket: HeldSocket) => Promise<Sidecar>,
) {
  await using stack = new AsyncDisposableStack();
  const { one, two } = stack.use(await makeTwoHosts());
  await two.host.ip("route add 10.42.1.0/24 dev vxlan100");
  const { host } = one;
  const socket = stack.use(holdSocket(host, { port: 50051 }));
  const first = stack.use(await start(host, socket));
  const client = stack.use(await connectClient(host));
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  for (const owner of ["pod-a", "k8s/default/pod-with-a-longer-name"]) {
    await ask(host, "allocate", [owner]);
  }
  const ping = async () => [
    stack.use(await startPinger(one, "10.42.2.2", 5)),
    stack.use(await startPinger(two, "10.42.1.2", 5)),
  ];
  // The first datagrams are lost, because nobody has answered by ARP yet.
  for (const pinger of await ping()) {
    assert.ok(await pinger.reaches(30_000));
    await pinger.finish();
  }
  const pingers = await ping();
  const kept = stack.move();
  return {
    host,
    socket,
    first,
    client,
    pingers,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Puts another sidecar in the place of the first one; both trails, when both have ended. */
async function replace(
  before: (host: Namespace, socket: HeldSocket) => Promise<Sidecar>,
  after: (host: Namespace, socket: HeldSocket) => Promise<Sidecar>,
): Promise<readonly string[]> {
  await using prepared = await prepare(before);
  const { host, socket, first, client, pingers } = prepared;
  const state = await stateOf(host);
  const agent = callAlways(host);
  await agent.more("calls of the first sidecar");
  assert.equal((await first.stop()).code, 0, first.log.join("\n"));
  await using second = await after(host, socket);
  await agent.more("calls of the second sidecar");
  assert.deepEqual(await agent.stop(), []);
  assert.deepEqual(await stateOf(host), state);
  assert.equal(state.addresses.length, 2);
  assert.equal(state.routes.length, 1);
  for (const pinger of pingers) {
    const { sent, lost } = await pinger.finish();
    assert.ok(sent > 100, `${sent} datagrams`);
    assert.deepEqual(lost, []);
  }
  // It heals what the other one wrote.
  await host.ip("route del 10.42.2.0/24");
  await until(async () => (await routesTo(host, "10.42.2.0/24")).length === 1, {
    what: "the route to be back",
  });
  assert.deepEqual(await client.removeRoute("10.42.2.0/24"), done);
  assert.equal((await second.stop()).code, 0, second.log.join("\n"));
  return [...first.audit, ...second.audit];
}

/** What `audit verify` says of a trail. */
function verify(trail: readonly string[]) {
  const stdin = trail.map((line) => `${line}\n`).join("");
  return runToEnd(clientCommand("audit", ["verify", "-"]), { stdin });
}

const hasHash = (line: string): boolean => "prev" in parseJsonObject(line);

fullTest(
  "an upgrade from the release before loses no packet, no call, no route and no address, and the trail of both is read",
  async () => {
    const trail = await replace(startBefore, startNow);
    const stdin = trail.map((line) => `${line}\n`).join("");
    const shown = await runToEnd(clientCommand("audit", ["-"]), { stdin });
    assert.deepEqual([shown.code, shown.stderr], [0, ""]);
    for (const change of ["added", "deleted"]) {
      assert.match(
        shown.stdout,
        new RegExp(`${change} route 10\\.42\\.2\\.0/24 dev vxlan100`),
      );
    }
    // Records of the first version of the schema have no hash; those behind them have.
    const both = await verify(trail);
    assert.equal(both.code, 1);
    assert.match(both.stdout, /^Standard input line 1: \d+ records .* have no hash/);
    assert.match(both.stdout, /: 1 finding; head [0-9a-f]{64}\n$/);
    const own = await verify(trail.filter(hasHash));
    assert.equal(own.code, 0, own.stdout);
  },
);

fullTest(
  "a downgrade to the release before loses no packet, no call, no route and no address, if no option of this one is given",
  async () => {
    const trail = await replace(startNow, startBefore);
    const { code, stdout } = await verify(trail);
    assert.equal(code, 1);
    const first = trail.findIndex((line) => !hasHash(line)) + 1;
    assert.match(stdout, new RegExp(`^Standard input line ${first}: .* have no hash`));
    assert.match(stdout, /: 1 finding; head [0-9a-f]{64}\n$/);
    const { command, env } = await serveOfBefore();
    for (const newer of [["--probe-interval", "60"], ["--log-format", "journald"]]) {
      assert.equal((await runToEnd([...command, ...newer], { env })).code, 2);
    }
  },
);

fullTest(
  "serve takes every option that serve of the release before takes",
  async () => {
    const { command, env } = await serveOfBefore();
    const { code, stdout } = await runToEnd([...command, "--help"], { env });
    assert.equal(code, 0);
    // A grant of Deno's stands in the help as well; every command has --help.
    const names = [...stdout.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, name = ""]) =>
      name
    )
      .filter((name) => name !== "help");
    assert.ok(names.length > 10, names.join(" "));
    const serve = COMMANDS.find(({ name }) => name === "serve");
    const known: readonly string[] = serve?.options ?? [];
    assert.deepEqual(names.filter((name) => !known.includes(name)), []);
  },
);
