import assert from "node:assert/strict";
import { connectClient } from "../support/client.ts";
import type { Namespace } from "../support/namespace.ts";
import { startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";
import { done, makeQuietNamespace } from "./host.ts";

/** One of the two hosts: its number is part of every address. */
interface OverlayHost {
  readonly host: Namespace;
  readonly container: Namespace;
}

async function must(namespace: Namespace, words: readonly string[]): Promise<void> {
  const { code, stderr } = await namespace.run(words);
  if (code !== 0) throw new Error(`Cannot run ${words.join(" ")}: ${stderr}`);
}

/** What the mesh agent and the container runtime set up before a route is asked for. */
async function furnish(
  { host, container }: OverlayHost,
  number: number,
): Promise<void> {
  const other = 3 - number;
  for (
    const line of [
      // vxlan100 asks by ARP from the host's first address: both hosts must not share it.
      "address del 192.0.2.1/32 dev lo",
      `address add 198.51.100.${number}/24 dev underlay`,
      "link set underlay up",
      `link add vxlan100 type vxlan id 100 dstport 4789 local 198.51.100.${number} dev underlay`,
      "link set vxlan100 up",
      "link add quilt0 type bridge",
      `address add 10.42.${number}.1/24 dev quilt0`,
      "link set quilt0 up",
      `link add port0 type veth peer name eth0 netns ${container.name}`,
      "link set port0 master quilt0 up",
    ]
  ) await host.ip(line);
  const everyPeer = ["00:00:00:00:00:00", "dev", "vxlan100"];
  await must(host, [
    "bridge",
    "fdb",
    "append",
    ...everyPeer,
    "dst",
    `198.51.100.${other}`,
  ]);
  await must(host, [
    "sh",
    "-c",
    "echo 1 > /proc/sys/net/ipv4/ip_forward && " +
    "echo 1 > /proc/sys/net/ipv4/conf/vxlan100/proxy_arp",
  ]);
  await container.ip(`address add 10.42.${number}.2/24 dev eth0`);
  await container.ip("link set eth0 up");
  await container.ip(`route add default via 10.42.${number}.1`);
}

/** Whether one packet comes back from the container of the other host. */
async function pings(from: OverlayHost, number: number): Promise<boolean> {
  const { code, stderr } = await from.container.run([
    "ping",
    "-n",
    "-c1",
    "-W1",
    `10.42.${number}.2`,
  ]);
  if (code > 1) throw new Error(`Cannot ping: ${stderr}`);
  return code === 0;
}

Deno.test("containers of two hosts reach each other just as long as both routes are in", async () => {
  await using stack = new AsyncDisposableStack();
  const make = async () => stack.use(await makeQuietNamespace());
  const one = { host: await make(), container: await make() };
  const two = { host: await make(), container: await make() };
  await one.host.ip(
    `link add underlay type veth peer name underlay netns ${two.host.name}`,
  );
  await furnish(one, 1);
  await furnish(two, 2);
  const [client1, client2] = await Promise.all([one, two].map(async ({ host }) => {
    stack.use(await startSidecar(host));
    return stack.use(await connectClient(host));
  }));
  assert.ok(client1 !== undefined && client2 !== undefined);
  assert.deepEqual(await client1.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client2.configureNodeSubnet("10.42.2.0/24"), done);
  assert.equal(await pings(one, 2), false, "before any route");

  assert.deepEqual(await client1.injectRoute("10.42.2.0/24", "vxlan100"), done);
  assert.equal(await pings(one, 2), false, "with only the way there");
  assert.deepEqual(await client2.injectRoute("10.42.1.0/24", "vxlan100"), done);
  // The ARP entry that failed a moment ago is asked for again within a second.
  await until(() => pings(one, 2), { what: "a ping from one to two", everyMs: 50 });
  await until(() => pings(two, 1), { what: "a ping from two to one", everyMs: 50 });

  assert.deepEqual(await client1.removeRoute("10.42.2.0/24"), done);
  assert.equal(await pings(one, 2), false, "after RemoveRoute");
  assert.deepEqual(await client1.injectRoute("10.42.2.0/24", "vxlan100"), done);
  await until(() => pings(one, 2), { what: "a ping once it is back", everyMs: 50 });
});
