/** Runs the shell commands that sentences print as remedies, unchanged. */
import assert from "node:assert/strict";
import { connectClient } from "../support/client.ts";
import type { Namespace } from "../support/namespace.ts";
import { serveToEnd, startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { done, openHost, routesTo } from "./host.ts";
import { makeTwoHosts, startPinger } from "./two_hosts.ts";

const TO = "10.42.2.0/24";

/** What stands behind `run: ` or `with: ` in a sentence, up to its end or a semicolon. */
async function carryOut(namespace: Namespace, sentence: string): Promise<string> {
  const [, command] = /(?:run|with): ([^;]+)/.exec(sentence) ?? [];
  assert.ok(command !== undefined, `No command is printed: ${sentence}`);
  const { code, stderr, stdout } = await namespace.run(["sh", "-c", command]);
  assert.equal(code, 0, `${command}\n${stderr}`);
  return stdout;
}

Deno.test("the remedy for a port of a bridge lets packets through again", async () => {
  await using stack = new AsyncDisposableStack();
  const { one, two } = stack.use(await makeTwoHosts());
  await two.host.ip("route add 10.42.1.0/24 dev vxlan100");
  await one.host.ip("link set vxlan100 master quilt0");
  await one.host.run([
    ...["sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/vxlan100/proxy_arp"],
  ]);
  const sidecar = stack.use(await startSidecar(one.host));
  const client = stack.use(await connectClient(one.host));
  assert.deepEqual(await client.injectRoute(TO, "vxlan100"), done);
  const pinger = stack.use(await startPinger(one, "10.42.2.2", 10));
  assert.equal(await pinger.reaches(300, 10), false, "through a port of a bridge");
  await carryOut(
    one.host,
    await sidecar.logged(/WARN: bridge-port .*: vxlan100 is a port of bridge/),
  );
  assert.equal(await pinger.reaches(10_000), true, "after the remedy");
});

Deno.test("the remedies for a device without IPv4, of a call and of a finding, bring the route that waits for it", async () => {
  // A vxlan device takes no such MTU.
  await using host = await openHost({
    before: [
      "link add overlay0 type ifb",
      "link set overlay0 up",
      "link set overlay0 mtu 60",
    ],
  });
  const { client, namespace, sidecar } = host;
  const { error } = await client.injectRoute(TO, "overlay0");
  assert.match(error, /its MTU is under 68/);
  const finding = await sidecar.logged(/WARN: device-without-ipv4 \(overlay0\): /);
  for (const sentence of [finding, error]) {
    await carryOut(namespace, sentence);
    await until(async () => (await routesTo(namespace, TO)).length === 1, {
      what: "the route",
    });
    await sidecar.logged(/INFO: device-without-ipv4 \(overlay0\): gone/);
    await namespace.ip("link set overlay0 mtu 60");
  }
});

Deno.test("the command for routes of our number outside of the cluster shows each of them", async () => {
  await using host = await openHost({
    before: [
      "route add 192.0.2.128/25 dev vxlan100 proto 142",
      "route add 10.42.0.0/20 dev vxlan100 proto 142 table 77",
      "route add 198.51.100.0/24 dev vxlan100 proto 142",
    ],
  });
  const sentence = await host.sidecar.logged(
    /WARN: Ignored 2 routes of protocol 142/,
  );
  const shown = await carryOut(host.namespace, sentence);
  for (const route of ["192.0.2.128/25", "198.51.100.0/24"]) {
    assert.ok(sentence.includes(route), sentence);
    assert.ok(shown.includes(route), shown);
  }
});

Deno.test("the command for a port in use shows the process that has it", async () => {
  await using host = await openHost();
  const { namespace, sidecar } = host;
  const { stderr } = await serveToEnd(namespace, []);
  const sentence = stderr.split("\n").find((line) => line.includes("in use")) ?? "";
  assert.match(
    await carryOut(namespace, sentence),
    new RegExp(`pid=${sidecar.pid}\\b`),
  );
});
