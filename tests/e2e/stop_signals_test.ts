/** Signals, terminals and outputs that end the sidecar, or do not. */
import assert from "node:assert/strict";
import { connectClient } from "../support/client.ts";
import { addVxlan, type Namespace } from "../support/namespace.ts";
import { readPage } from "../support/pages.ts";
import { repository, serveCommand } from "../support/serve_task.ts";
import { killIfAlive } from "../support/sidecar.ts";
import { fullTest, partOf } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import {
  allRoutes,
  done,
  type Host,
  makeQuietNamespace,
  messages,
  openHost,
  routesTo,
} from "./host.ts";
import { childrenOf, isAlive, monitorsOf, signalAll } from "./processes.ts";

const destination = "10.42.2.0/24";

/** A host with one injected route, and the tables from before it. */
async function openWithRoute(options: readonly string[] = []) {
  const host = await openHost({ options });
  const before = await allRoutes(host.namespace);
  assert.deepEqual(await host.client.injectRoute(destination, "vxlan100"), done);
  return { host, before };
}

async function isThere(namespace: Namespace): Promise<boolean> {
  return (await routesTo(namespace, destination)).length === 1;
}

function warnings({ sidecar }: Host): readonly string[] {
  return messages(sidecar).filter((line) => /^(?:WARN|ERROR)/.test(line));
}

for (const signal of partOf(["SIGHUP", "SIGQUIT", "SIGINT", "SIGTERM"] as const, 2)) {
  Deno.test(`${signal} stops the sidecar gracefully: it logs that, exits with 0, and removes its routes if configured`, async () => {
    const { host, before } = await openWithRoute(["--remove-routes-on-exit"]);
    await using _ = host;
    host.sidecar.kill(signal);
    assert.equal((await host.sidecar.status).code, 0);
    assert.ok(messages(host.sidecar).includes(`INFO: Stopping on ${signal}`));
    assert.deepEqual(warnings(host), []);
    assert.equal(await allRoutes(host.namespace), before);
  });
}

Deno.test("a second SIGHUP or SIGQUIT ends the sidecar at once, with exit code 128 plus its number", async () => {
  for (const [second, code] of [["SIGHUP", 129], ["SIGQUIT", 131]] as const) {
    const { host } = await openWithRoute();
    await using _ = host;
    const ended = host.sidecar.status;
    // ip does not answer, and a graceful shutdown would wait for it.
    signalAll(childrenOf(host.sidecar.pid), "SIGSTOP");
    host.client.injectRoute("10.42.3.0/24", "vxlan100").catch(() => {});
    host.sidecar.kill("SIGTERM");
    await host.sidecar.logged(/Stopping on SIGTERM/);
    host.sidecar.kill(second);
    assert.equal((await ended).code, code);
  }
});

Deno.test("a signal without a meaning is logged, and the sidecar continues", async () => {
  const { host } = await openWithRoute();
  await using _ = host;
  const { client, sidecar } = host;
  const ignored = ["SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGXFSZ"];
  for (const signal of ignored) {
    // By name: Deno's own list of signals has fewer.
    const sent = await host.namespace.run([
      "kill",
      `-${signal.slice(3)}`,
      `${sidecar.pid}`,
    ]);
    assert.equal(sent.code, 0, sent.stderr);
    await sidecar.logged(
      new RegExp(`INFO: ${signal} means nothing here; SIGTERM stops the sidecar$`),
    );
  }
  assert.deepEqual(await client.injectRoute("10.42.3.0/24", "vxlan100"), done);
  assert.equal((await sidecar.stop()).code, 0);
});

Deno.test("SIGUSR1 opens no debugger, under each serve task", async () => {
  const { host } = await openWithRoute();
  await using _ = host;
  const { client, namespace, sidecar } = host;
  const status = await Deno.readTextFile(`/proc/${sidecar.pid}/status`);
  const blocked = BigInt(`0x${/^SigBlk:\s+(\w+)$/m.exec(status)?.[1]}`);
  assert.equal(blocked & (1n << 9n), 1n << 9n, status);
  sidecar.kill("SIGUSR1");
  // Deno would listen at once, and it handles signals in order.
  sidecar.kill("SIGUSR2");
  await sidecar.logged(/SIGUSR2 means nothing here/);
  const { stdout } = await namespace.run(["ss", "-ltnH"]);
  assert.deepEqual(stdout.trim().split("\n").length, 1, stdout);
  assert.deepEqual(await client.injectRoute("10.42.3.0/24", "vxlan100"), done);
  for (const task of ["serve", "serve:tls", "serve:unix"] as const) {
    const [env, mask] = serveCommand([], undefined, task);
    assert.deepEqual([env, mask], ["env", "--block-signal=USR1"]);
  }
});

for (const first of partOf(["ip", "sidecar"] as const, 1)) {
  Deno.test(`a signal to the process group that reaches the ${first} first stops the sidecar gracefully, without a warning`, async () => {
    const { host } = await openWithRoute();
    await using _ = host;
    const { sidecar } = host;
    for (const stopped of first === "ip" ? ["ip", "own"] : ["own", "ip"]) {
      if (stopped === "ip") signalAll(childrenOf(sidecar.pid), "SIGINT");
      else sidecar.kill("SIGINT");
    }
    assert.equal((await sidecar.status).code, 0);
    assert.deepEqual(warnings(host), []);
    assert.ok(await isThere(host.namespace));
  });
}

Deno.test("the sidecar logs that another process stopped ip monitor, and starts a new one", async () => {
  const { host } = await openWithRoute();
  await using _ = host;
  const { namespace, sidecar } = host;
  assert.equal(signalAll(monitorsOf(sidecar), "SIGTERM"), 1);
  await sidecar.logged(
    /WARN: Kernel events may have been lost.*SIGTERM ended ip monitor/,
  );
  await namespace.ip(`route del ${destination}`);
  await until(() => isThere(host.namespace), { what: "the route to be back" });
});

/** A process of a host without a sidecar, from when its port is open. Killed when disposed. */
async function spawnServing(namespace: Namespace, words: readonly string[]) {
  const child = namespace.command(words, {
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const isOpen = async (): Promise<boolean> => {
    const { stdout } = await namespace.run(["ss", "-ltnH", "sport = :50051"]);
    return stdout !== "";
  };
  await until(isOpen, { what: "the port to be open", deadlineMs: 15_000 });
  return {
    child,
    [Symbol.asyncDispose]: async () => {
      killIfAlive(child, "SIGKILL");
      await child.status;
    },
  };
}

Deno.test("closing its terminal stops the sidecar gracefully", async () => {
  await using namespace = await makeQuietNamespace();
  await addVxlan(namespace);
  const log = await Deno.makeTempFile();
  const read = (): string => Deno.readTextFileSync(log);
  // script(1) gives it a terminal of its own, which is gone with script.
  const serve = `exec ${serveCommand([]).join(" ")} 2>${log}`;
  await using terminal = await spawnServing(
    namespace,
    ["script", "--quiet", "--command", serve, "/dev/null"],
  );
  await until(() => /Starting gRPC/.test(read()), { what: read });
  const [sidecar] = childrenOf(terminal.child.pid);
  assert.ok(sidecar !== undefined);
  terminal.child.kill("SIGKILL");
  await until(() => !isAlive(sidecar.pid), { what: read });
  // The terminal was to have the end record as well.
  const [before, lost] = read().split(
    /^.*(?= WARN: Lost 1 record of the audit trail: )/m,
  );
  assert.match(before ?? "", /INFO: Stopping on SIGHUP\n$/);
  assert.doesNotMatch(before ?? "", /WARN|ERROR/);
  assert.match(lost ?? "", /^[^\n]*Input\/output error[^\n]*; see docs\/audit\.md\n$/);
  await Deno.remove(log);
});

for (
  const [how, redirection] of partOf(
    [
      ["full", ">/dev/full 2>/dev/full"],
      ["at the end of what a file may hold", '>"$FILE" 2>"$FILE"'],
      ["closed", ">&- 2>&-"],
      ["without a reader", "> >(:) 2> >(:)"],
    ] as const,
    2,
  )
) {
  Deno.test(`the sidecar serves, repairs and stops gracefully with both outputs ${how}`, async () => {
    await using namespace = await makeQuietNamespace();
    await addVxlan(namespace);
    const file = await Deno.makeTempFile();
    const serve = ["bash", "-c", `exec "$@" ${redirection}`, "bash"];
    await using silent = await spawnServing(
      namespace,
      ["env", `FILE=${file}`, ...serve, ...serveCommand([])],
    );
    if (redirection.includes("FILE")) {
      // A process that writes more gets SIGXFSZ, setrlimit(2). Not from the start on,
      // because Deno itself writes what it has compiled.
      const limit = ["prlimit", "--fsize=0", "--pid", `${silent.child.pid}`];
      assert.equal((await namespace.run(limit)).code, 0);
    }
    await using client = await connectClient(namespace);
    assert.deepEqual(await client.injectRoute(destination, "vxlan100"), done);
    await namespace.ip(`route del ${destination}`);
    await until(() => isThere(namespace), { what: "the route to be back" });
    silent.child.kill("SIGTERM");
    assert.equal((await silent.child.status).code, 0);
    assert.ok(await isThere(namespace));
    await Deno.remove(file);
  });
}

/** The line of docs/api.md that starts it in the background. */
function backgroundStart(): string {
  const { text } = readPage("docs/api.md");
  const line = /^quilt-sidecar serve >.* &$/m.exec(text)?.[0];
  if (line === undefined) throw new Error("docs/api.md has no start in the background");
  return line;
}

fullTest(
  "kill $! ends the background start of docs/api.md, which is the sidecar itself",
  async () => {
    await using namespace = await makeQuietNamespace();
    await addVxlan(namespace);
    const folder = await Deno.makeTempDir();
    const script = `PATH=${repository}/bin:$PATH
    ${backgroundStart().replaceAll("/run/", `${folder}/`)}
    until grep -q 'Starting gRPC' ${folder}/quilt.log; do
      kill -0 $! || exit 3
      sleep 0.05
    done
    listening=$(ss -ltnpH 'sport = :50051' | sed 's/.*pid=\\([0-9]*\\).*/\\1/')
    test $listening = $! || exit 4
    kill $! && wait $!`;
    const ended = await namespace.run(["timeout", "60", "bash", "-c", script]);
    const log = await Deno.readTextFile(`${folder}/quilt.log`);
    assert.equal(ended.code, 0, `${ended.stderr}\n${log}`);
    assert.match(log, /INFO: Stopping on SIGTERM\n$/);
    await Deno.remove(folder, { recursive: true });
  },
);
