/**
 * @needs go
 */
import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import { type SidecarOptions, startSidecar } from "../support/sidecar.ts";
import { healthProbe, watchHealth } from "./grpc_tools.ts";
import { done, makeQuietNamespace, messages, openHost } from "./host.ts";
import { hangInFlight, signalBatches } from "./processes.ts";
import { fullTest } from "../support/suite.ts";

const destination = "10.42.2.0/24";

/** An `ip` in a folder of its own, found first, that can be made to wait or be gone. */
interface OwnIp extends Disposable {
  readonly launcher: SidecarOptions["launcher"];
  /** An `ip` that starts from now on waits until the gate is open. */
  closeGate(): void;
  openGate(): void;
  remove(): void;
  bringBack(): void;
}

async function makeOwnIp(): Promise<OwnIp> {
  const folder = await Deno.makeTempDir();
  const path = Deno.env.get("PATH") ?? "";
  const script = `#!/bin/sh
while [ -e ${folder}/closed ]; do sleep 0.02; done
PATH=${path} exec ip "$@"
`;
  await Deno.writeTextFile(`${folder}/ip`, script, { mode: 0o755 });
  await Deno.chmod(folder, 0o755);
  return {
    launcher: ["env", `PATH=${folder}:${path}`],
    closeGate: () => Deno.writeTextFileSync(`${folder}/closed`, ""),
    openGate: () => Deno.removeSync(`${folder}/closed`),
    remove: () => Deno.renameSync(`${folder}/ip`, `${folder}/away`),
    bringBack: () => Deno.renameSync(`${folder}/away`, `${folder}/ip`),
    [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }),
  };
}

fullTest(
  "grpc-health-probe sees a sidecar that serves, as a whole and by its service",
  async () => {
    await using host = await openHost();
    for (const words of [[], ["-service", "quilt.QuiltRuntime"]]) {
      const { code, stderr } = await healthProbe(host.namespace, words);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /SERVING/);
    }
    const unknown = await healthProbe(host.namespace, ["-service", "quilt.Nothing"]);
    assert.equal(unknown.code, 3, unknown.stderr);
  },
);

fullTest(
  "health is NOT_SERVING until the state in the kernel is restored",
  async () => {
    await using namespace = await makeQuietNamespace();
    using ip = await makeOwnIp();
    ip.closeGate();
    const starting = startSidecar(namespace, { launcher: ip.launcher ?? [] });
    const probe = await until(async () => {
      const probed = await healthProbe(namespace);
      // 2: no sidecar listens yet.
      return probed.code !== 2 && probed;
    }, { what: "the sidecar to listen", deadlineMs: 10_000 });
    assert.equal(probe.code, 4, probe.stderr);
    await using watch = await watchHealth(namespace);
    assert.deepEqual(watch.statuses(), ["NOT_SERVING"]);
    ip.openGate();
    await using _sidecar = await starting;
    assert.deepEqual(await watch.count(2), ["NOT_SERVING", "SERVING"]);
    assert.equal((await healthProbe(namespace)).code, 0);
  },
);

fullTest(
  "a graceful shutdown sends NOT_SERVING to a health watch, ends it, and answers the calls in flight",
  async () => {
    await using host = await openHost();
    const { client, namespace, sidecar } = host;
    await using watch = await watchHealth(namespace);
    const [call] = await hangInFlight(
      sidecar,
      () => [client.injectRoute(destination, "vxlan100")] as const,
    );
    sidecar.kill("SIGTERM");
    assert.deepEqual(await watch.count(2), ["SERVING", "NOT_SERVING"]);
    // The call is still in flight, and the watcher is already free to go elsewhere.
    assert.match(await watch.end, /Code: Unavailable/);
    signalBatches(sidecar, "SIGCONT");
    assert.deepEqual(await call, done);
    assert.equal((await sidecar.status).code, 0);
  },
);

fullTest("health watches do not delay the end of the sidecar", async () => {
  await using host = await openHost();
  const { namespace, sidecar } = host;
  await using first = await watchHealth(namespace);
  await using second = await watchHealth(namespace);
  const began = performance.now();
  assert.equal((await sidecar.stop()).code, 0);
  assert.ok(performance.now() - began < 2_000, "the watchers held it up");
  for (const watch of [first, second]) {
    assert.match(await watch.end, /Code: Unavailable/);
    assert.deepEqual(watch.statuses(), ["SERVING", "NOT_SERVING"]);
  }
});

fullTest(
  "health is NOT_SERVING while ip cannot be started, and SERVING again by itself",
  async () => {
    using ip = await makeOwnIp();
    await using host = await openHost({
      launcher: ip.launcher ?? [],
      options: ["--resync-interval", "1"],
    });
    const { client, namespace, sidecar } = host;
    await using watch = await watchHealth(namespace);
    ip.remove();
    assert.ok(signalBatches(sidecar, "SIGKILL") > 0);
    // Without a call: the sidecar finds that out by itself.
    assert.deepEqual(await watch.count(2), ["SERVING", "NOT_SERVING"]);
    assert.equal((await healthProbe(namespace)).code, 4);
    const answer = await client.injectRoute(destination, "vxlan100");
    assert.equal(answer.success, false);
    ip.bringBack();
    assert.deepEqual(await watch.count(3), ["SERVING", "NOT_SERVING", "SERVING"]);
    assert.equal((await healthProbe(namespace)).code, 0);
    assert.equal((await sidecar.stop()).code, 0);
    const logged = messages(sidecar).filter((line) => line.includes("Health is "));
    assert.equal(logged.length, 2, logged.join("\n"));
    assert.match(
      logged[0] ?? "",
      /^WARN: Health is NOT_SERVING, the kernel does not answer: /,
    );
    assert.equal(logged[1], "INFO: Health is SERVING again");
  },
);

fullTest("health stays SERVING when ip is killed", async () => {
  await using host = await openHost({ options: ["--resync-interval", "1"] });
  const { client, namespace, sidecar } = host;
  await using watch = await watchHealth(namespace);
  for (let round = 0; round < 5; round += 1) {
    const peer = `10.42.${round + 2}.0/24`;
    const [call] = await hangInFlight(
      sidecar,
      () => [client.injectRoute(peer, "vxlan100")] as const,
    );
    signalBatches(sidecar, "SIGKILL");
    assert.deepEqual(await call, done);
  }
  assert.equal((await healthProbe(namespace)).code, 0);
  assert.deepEqual(watch.statuses(), ["SERVING"]);
});
