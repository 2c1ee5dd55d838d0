import assert from "node:assert/strict";
import { until } from "../support/wait.ts";
import {
  allRoutes,
  done,
  type Host,
  messages,
  messagesSoFar,
  openHost,
} from "./host.ts";
import { monitorsOf, signalAll, stopMonitor } from "./processes.ts";
import { partOf } from "../support/suite.ts";

const TO = "10.42.2.0/24";
const PEERS = Array.from({ length: 100 }, (_, at) => `10.42.${at + 1}.0/24`);
const LINK = "type vxlan id 100 dstport 4789 local 127.0.0.1 dev lo";

/** What may happen to our routes, as lines for `ip`. */
const CAUSES: readonly (readonly [what: string, lines: readonly string[]])[] = [
  ["one was deleted", [`route del ${TO}`]],
  ["all were flushed", ["route flush table main proto 142"]],
  ["all were flushed and their records with them", ["route flush table all proto 142"]],
  ["one was replaced", [`route replace ${TO} dev other proto static`]],
  ["one was moved to another device", [`route replace ${TO} dev other proto 142`]],
  ["one got company", [`route add ${TO} dev other proto static metric 50`]],
  ["vxlan100 went down and up", ["link set vxlan100 down", "link set vxlan100 up"]],
  ["vxlan100 was deleted and made again", [
    "link del vxlan100",
    `link add vxlan100 ${LINK}`,
    "link set vxlan100 up",
  ]],
  ["vxlan100 was renamed and another took its place", [
    "link set vxlan100 down",
    "link set vxlan100 name old100",
    "link set old100 up",
    "link del old100",
    `link add vxlan100 ${LINK}`,
    "link set vxlan100 up",
  ]],
];

/** A host with all its peers, and with a device that other routes can go through. */
async function openBusyHost(options: readonly string[] = []): Promise<Host> {
  await using stack = new AsyncDisposableStack();
  const host = stack.use(
    await openHost({
      before: ["link add other type veth peer name otherpeer", "link set other up"],
      options,
    }),
  );
  const { client } = host;
  assert.deepEqual(await client.configureNodeSubnet("10.42.255.0/24"), done);
  await Promise.all(PEERS.map(async (peer) => {
    assert.deepEqual(await client.injectRoute(peer, "vxlan100"), done);
  }));
  stack.move();
  return host;
}

async function assertRepaired(
  { namespace, sidecar }: Host,
  routes: string,
): Promise<void> {
  await until(async () => await allRoutes(namespace) === routes, {
    what: () => `all routes to be as before:\n${sidecar.log.slice(-5).join("\n")}`,
  });
}

Deno.test("drift repair restores our routes byte for byte after any change", async (test) => {
  await using host = await openBusyHost();
  const { namespace } = host;
  const routes = await allRoutes(namespace);
  for (const [what, lines] of partOf(CAUSES, 5)) {
    await test.step(what, async () => {
      for (const line of lines) await namespace.ip(line);
      await assertRepaired(host, routes);
    });
  }
});

Deno.test("drift repair logs one line for many routes, and another one for a link that went down", async () => {
  await using host = await openBusyHost();
  const { namespace, sidecar } = host;
  const routes = await allRoutes(namespace);
  const injected = () =>
    sidecar.log.filter((line) => line.includes("Successfully injected route"));
  await until(() => injected().length === PEERS.length, { what: "all their lines" });
  const known = messagesSoFar(sidecar).length;
  await namespace.ip("route flush table main proto 142");
  await assertRepaired(host, routes);
  await namespace.ip("link set vxlan100 down");
  await sidecar.logged(
    /WARN: \d+ routes? (?:is|are) pending \(Interface 'vxlan100' is down\)/,
  );
  await namespace.ip("link set vxlan100 up");
  await assertRepaired(host, routes);
  await sidecar.logged(/INFO: Installed \d+ pending routes? via vxlan100/);
  await sidecar.stop();
  const logged = messages(sidecar).slice(known, -1);
  // A flush takes a while: what is gone already may be repaired before the rest is gone.
  assert.ok(logged.length <= 6, logged.join("\n"));
  const kinds = [
    /^WARN: Repaired \d+ routes? that another process removed or changed: /,
    /^WARN: \d+ routes? (?:is|are) pending \(Interface 'vxlan100' is down\): /,
    /^INFO: Installed \d+ pending routes? via vxlan100: /,
  ];
  const found = logged.map((line) => kinds.findIndex((kind) => kind.test(line)));
  assert.deepEqual([...new Set(found)], [0, 1, 2], logged.join("\n"));
});

Deno.test("drift repair restores what changed while the monitor was down, once it is up", async () => {
  await using host = await openBusyHost();
  const { namespace, sidecar } = host;
  const routes = await allRoutes(namespace);
  for (const [what, lines] of partOf(CAUSES, 3)) {
    const doomed = await stopMonitor(sidecar);
    for (const line of lines) await namespace.ip(line);
    signalAll(doomed, "SIGKILL");
    await assertRepaired(host, routes);
    const [alive] = await until(() => {
      const monitors = monitorsOf(sidecar);
      return monitors.length === 1 && monitors;
    }, { what: `a monitor after ${what}` });
    assert.notEqual(alive?.pid, doomed[0]?.pid);
  }
  // The events of the new one arrive as well.
  await namespace.ip(`route del ${TO}`);
  await assertRepaired(host, routes);
});

Deno.test("the resync repairs what no event announced", async () => {
  await using host = await openBusyHost(["--resync-interval", "1"]);
  const { namespace, sidecar } = host;
  const routes = await allRoutes(namespace);
  const stopped = await stopMonitor(sidecar);
  await namespace.ip("route flush table all proto 142");
  await assertRepaired(host, routes);
  signalAll(stopped, "SIGCONT");
});
