/** Two sidecars in one network namespace: each names the other; a lone one is not named. */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { connectClient } from "../support/client.ts";
import { addVxlan } from "../support/namespace.ts";
import { startQuilt } from "../support/quilt.ts";
import { serveCommand } from "../support/serve_task.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { bounded } from "../support/suite.ts";
import { done, makeQuietNamespace, openHost } from "./host.ts";

const OTHER =
  /WARN: other-sidecar .*: Another process has written (\S+) into table 142, /;

/** In which the `ip` of a sidecar that was killed may still be at work. */
const LEFT_OVER_MS = 3_000;

function named({ log }: Sidecar): readonly string[] {
  return log.flatMap((line) => OTHER.exec(line)?.[1] ?? []);
}

Deno.test("two sidecars, on a port and on a Unix socket, each warn of the other's writes, and the printed command finds both", async () => {
  await Deno.mkdir("/run/quilt", { recursive: true });
  await using namespace = await makeQuietNamespace();
  await addVxlan(namespace);
  await using port = await startSidecar(namespace);
  const command = serveCommand([], undefined, "serve:unix");
  await using unix = await startSidecar(namespace, { command });
  await using client = await connectClient(namespace);
  await using other = await connectClient(namespace, "unix:///run/quilt/sidecar.sock");
  await setTimeout(LEFT_OVER_MS);
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  const sentence = await unix.logged(OTHER);
  assert.deepEqual(named(port), []);
  assert.deepEqual(await other.injectRoute("10.42.3.0/24", "vxlan100"), done);
  await port.logged(OTHER);
  assert.deepEqual([named(port), named(unix)], [["10.42.3.0/24"], ["10.42.2.0/24"]]);
  const [, printed = ""] = /; run: (.*)$/.exec(sentence) ?? [];
  const { stdout } = await namespace.run(["sh", "-c", printed]);
  for (const { pid } of [port, unix]) {
    assert.match(stdout, new RegExp(`^${pid} `, "m"));
  }
});

Deno.test("a single sidecar never warns of another one, also after it was killed during calls", async () => {
  await using host = await openHost();
  const { client, namespace } = host;
  const peers = Array.from({ length: 254 }, (_, at) => `10.42.${at + 2}.0/24`);
  const routes = (device: string) =>
    peers.slice(0, 253).map((destination) => ({ destination, device }));
  await using quilt = startQuilt(namespace);
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  await quilt.allocate("web-1");
  let sidecar = host.sidecar;
  for (let round = 0; round < bounded(5, 2); round += 1) {
    const device = round % 2 === 0 ? "vxlan100" : "vxlan200";
    const synced = quilt.call("sync", { routes: routes(device) }).catch(() => "");
    await setTimeout(5 * round);
    sidecar.kill("SIGKILL");
    await Promise.all([synced, sidecar.status]);
    assert.deepEqual(named(sidecar), []);
    sidecar = await startSidecar(namespace);
    quilt.reconnect();
  }
  await using last = sidecar;
  await setTimeout(LEFT_OVER_MS);
  await using fresh = await connectClient(namespace);
  assert.deepEqual(await fresh.configureNodeSubnet("10.42.1.0/24"), done);
  for (const to of peers.slice(0, 20)) await fresh.injectRoute(to, "vxlan100");
  await namespace.ip("route flush table 142");
  await namespace.ip("route flush table main proto 142");
  await quilt.allocate("web-2");
  await namespace.ip("link set vxlan100 down");
  await namespace.ip("link set vxlan100 up");
  await last.logged(/Installed \d+ pending route|Repaired/);
  await last.stop();
  assert.deepEqual(named(last), []);
});
