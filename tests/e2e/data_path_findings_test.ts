/**
 * @long
 */
import assert from "node:assert/strict";
import { isJsonObject, type JsonObject, parseJsonObject } from "../../deploy/json.ts";
import { startQuilt } from "../support/quilt.ts";
import { clientCommand } from "../support/serve_task.ts";
import { bounded, fullTest } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import { inTime, makeMesh } from "./faulty_mesh.ts";
import { done, findingMessages, furnishDataPath, openHost } from "./host.ts";
import { runLines } from "./planted_faults.ts";
import { processorSeconds } from "./processes.ts";

Deno.test("two faults at once are both named, and each goes with its own remedy", async () => {
  await using mesh = await makeMesh();
  const { one, sidecar } = mesh;
  const ids = async (): Promise<readonly string[]> => {
    const { stdout } = await one.host.run(clientCommand("status", ["--json"]));
    const found = parseJsonObject(stdout)["findings"];
    assert.ok(Array.isArray(found));
    return found.filter(isJsonObject).map(({ id }) => String(id));
  };
  await runLines(one.host, [
    "echo 0 > /proc/sys/net/ipv4/conf/vxlan100/proxy_arp",
    "ip route add 10.42.2.0/25 dev underlay",
  ]);
  const both = ["proxy-arp-off", "route-shadowed"];
  await inTime(async () => (await ids()).join() === both.join(), both.join());
  await runLines(one.host, ["ip route del 10.42.2.0/25 dev underlay"]);
  await inTime(
    async () => (await ids()).join() === "proxy-arp-off",
    "one finding less",
  );
  await runLines(one.host, ["sysctl -qw net.ipv4.conf.vxlan100.proxy_arp=1"]);
  await mesh.isHealthy();
  const gone = findingMessages(sidecar).filter((line) =>
    / gone after \d+ s$/.test(line)
  );
  assert.ok(gone.length >= 2, gone.join("\n"));
});

Deno.test("a fault that comes and goes all the time is logged twice in its first minute", async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  await furnishDataPath(namespace, 1);
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  assert.deepEqual(await client.injectRoute("10.42.2.0/24", "vxlan100"), done);
  const setting = "/proc/sys/net/ipv4/conf/vxlan100/proxy_arp";
  const about = () =>
    findingMessages(sidecar).filter((line) => line.includes("proxy-arp-off"));
  const shown = async (count: number) => {
    const { stdout } = await namespace.run(clientCommand("status", ["--json"]));
    const found = parseJsonObject(stdout)["findings"];
    return Array.isArray(found) && found.length === count;
  };
  for (let round = 0; round < bounded(10, 4); round += 1) {
    await runLines(namespace, [`echo 0 > ${setting}`]);
    await until(() => shown(1), { what: "the finding" });
    await runLines(namespace, [`echo 1 > ${setting}`]);
    await until(() => shown(0), { what: "its end" });
  }
  assert.equal(about().length, 2, about().join("\n"));
});

fullTest(
  "ProbePeers tells the states of 254 peers within 10 s, for at most one second of a core, and leaves the neighbours as they were",
  async () => {
    await using host = await openHost();
    const { namespace, sidecar } = host;
    await using quilt = startQuilt(namespace);
    await furnishDataPath(namespace, 1);
    const routes = Array.from({ length: 254 }, (_, at) => ({
      destination: `10.42.${at + 2}.0/24`,
      device: "vxlan100",
    })).filter(({ destination }) => destination !== "10.42.1.0/24");
    await quilt.call("sync", { routes, dryRun: false });
    await runLines(namespace, [
      "ip neigh add 10.42.9.1 lladdr 02:00:00:00:00:09 dev vxlan100 nud permanent",
    ]);
    const neighbours = () => namespace.ip("neigh show dev vxlan100 nud all");
    const before = await neighbours();
    const used = processorSeconds(sidecar.pid);
    const started = performance.now();
    const { code, stdout } = await namespace.run(
      clientCommand("doctor", ["--json", "--probe"]),
    );
    const took = performance.now() - started;
    const cost = processorSeconds(sidecar.pid) - used;
    assert.equal(code, 1, "nobody answers");
    const peers = parseJsonObject(stdout)["peers"];
    assert.ok(
      Array.isArray(peers) && peers.length === routes.length,
      stdout.slice(0, 500),
    );
    const states = new Map(
      peers.filter(isJsonObject).map((peer: JsonObject) => [
        peer["destination"],
        JSON.stringify(peer),
      ]),
    );
    assert.match(states.get("10.42.9.0/24") ?? "", /known/i);
    assert.match(states.get("10.42.10.0/24") ?? "", /silent/i);
    assert.equal(await neighbours(), before);
    assert.ok(took < 10_000, `${took} ms`);
    assert.ok(cost < 1, `${cost} s of a core`);
  },
);
