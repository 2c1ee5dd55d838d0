import assert from "node:assert/strict";
import type { Neighbour } from "../../src/dataplane/data_path.ts";
import { type ProbeParts, probePeers } from "../../src/diagnose/probe.ts";
import type { ProbeResult } from "../../src/diagnose/ports.ts";
import { cidr, device, ip } from "../support/fixtures.ts";
import { collectMetrics } from "../support/collected_metrics.ts";
import { until } from "../support/wait.ts";
import { type DataPathGround, makeDataPath } from "./data_path_ground.ts";
import { caller } from "./node_harness.ts";

const VXLAN100 = device("vxlan100");

/** Probes these peers, with a watch that receives events. */
async function probe(
  { dataplane, onProbed }:
    & Pick<DataPathGround, "dataplane">
    & Pick<ProbeParts, "onProbed">,
  ...destinations: readonly string[]
): Promise<readonly ProbeResult[]> {
  const listeners = new Set<(neighbour: Neighbour) => void>();
  let isWatching = false;
  const watch = dataplane.watchDataPath((event) => {
    isWatching = true;
    if (event.kind !== "neighbour") return;
    for (const listener of listeners) listener(event.neighbour);
  });
  using _watch = { [Symbol.dispose]: () => watch.close() };
  await until(async () => {
    await ip("neigh replace 10.42.250.1 lladdr 02:00:00:00:00:01 dev vxlan100");
    await ip("neigh delete 10.42.250.1 dev vxlan100");
    return isWatching;
  }, { what: "the watch to begin" });
  const outcome = await probePeers(
    {
      dataplane,
      gatewayIndex: 1,
      onProbed,
      watchNeighbours: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    destinations.map((destination) => ({
      destination: cidr(destination),
      device: VXLAN100,
      installed: true,
    })),
    caller("ProbePeers"),
  );
  assert.ok(outcome.kind === "probed", outcome.kind);
  return outcome.results;
}

function states(results: readonly ProbeResult[]): readonly string[] {
  return results.map(({ gateway, proxied }) =>
    `${gateway.state.kind} ${proxied.state.kind}`
  );
}

/** The neighbours of the overlay's device, without what time alone changes. */
async function neighbours(): Promise<readonly string[]> {
  const text = await ip("neigh show dev vxlan100 nud all");
  return text.split("\n").filter((line) => line.startsWith("10.42.2.")).sort();
}

Deno.test("probePeers tells a peer that answers from one whose proxy_arp is off and from one that is silent, and leaves no neighbour", async () => {
  await using ground = await makeDataPath();
  const { peer } = ground;
  await peer.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
  // 10.42.9.0/24 is nobody's.
  assert.deepEqual(states(await probe(ground, "10.42.2.0/24", "10.42.9.0/24")), [
    "answered silent",
    "silent silent",
  ]);
  assert.deepEqual(await neighbours(), []);
  // What is proxied is what leads elsewhere.
  await peer.ip("link add quilt0 type bridge");
  await peer.ip("link set quilt0 up");
  await peer.ip("address del 10.42.2.1/24 dev vxlan100");
  await peer.ip("address add 10.42.2.1/24 dev quilt0");
  const proxy = "echo 1 > /proc/sys/net/ipv4/conf/vxlan100/proxy_arp";
  await peer.run(["sh", "-c", proxy]);
  const [result] = await probe(ground, "10.42.2.0/24");
  assert.ok(result?.gateway.state.kind === "answered");
  assert.ok(result.proxied.state.kind === "answered");
  assert.equal(result.gateway.address, "10.42.2.1");
  assert.equal(result.proxied.address, "10.42.2.254");
  assert.ok(result.gateway.state.afterMs < 1_000);
  assert.deepEqual(await neighbours(), []);
});

Deno.test("probePeers never touches a neighbour that the kernel has", async () => {
  await using ground = await makeDataPath();
  await ip("neigh add 10.42.2.1 lladdr 02:00:00:00:00:09 dev vxlan100 nud stale");
  await ip("neigh add 10.42.2.254 lladdr 02:00:00:00:00:09 dev vxlan100 nud permanent");
  const before = await neighbours();
  assert.equal(before.length, 2);
  assert.deepEqual(states(await probe(ground, "10.42.2.0/24")), ["known known"]);
  assert.deepEqual(await neighbours(), before);
  assert.deepEqual(
    ground.trail.records.filter(({ words }) => String(words).startsWith("neigh")),
    [],
  );
});

Deno.test("probePeers records each probe and its deletion in the audit log, with who asked", async () => {
  await using ground = await makeDataPath();
  await probe(ground, "10.42.2.0/24");
  const records = ground.trail.records.map(({ rpc, words, outcome }) =>
    `${rpc}: ${words}: ${outcome}`
  );
  assert.deepEqual(records, [
    "ProbePeers: neigh add 10.42.2.1 dev vxlan100 use: done",
    "ProbePeers: neigh del 10.42.2.1 dev vxlan100: done",
    "ProbePeers: neigh add 10.42.2.254 dev vxlan100 use: done",
    "ProbePeers: neigh del 10.42.2.254 dev vxlan100: done",
  ]);
});

Deno.test("probePeers counts each address that it probed, by target and result", async () => {
  await using ground = await makeDataPath();
  await ip("neigh add 10.42.2.254 lladdr 02:00:00:00:00:09 dev vxlan100 nud permanent");
  const { counted, instruments: { probed: onProbed } } = collectMetrics();
  await probe({ ...ground, onProbed }, "10.42.2.0/24", "10.42.9.0/24");
  assert.deepEqual(await counted("quilt.probes"), {
    "quilt.probes answered gateway": 1,
    "quilt.probes known proxied": 1,
    "quilt.probes silent gateway": 1,
    "quilt.probes silent proxied": 1,
  });
});
