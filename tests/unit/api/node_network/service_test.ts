import assert from "node:assert/strict";
import type { ConfigureOutcome, NodeNetwork } from "../../../../src/addresses/ports.ts";
import { CurrentFindings } from "../../../../src/api/data_path/current_findings.ts";
import { until } from "../../../support/wait.ts";
import { finding, findingMessage, MemoryDataPath } from "../memory_data_path.ts";
import { cidr } from "../outcomes.ts";
import { ACTIVITY_MESSAGE, MESSAGE, NETWORK, openServices } from "../pod_network.ts";

Deno.test("GetNodeNetwork has empty fields but the cluster CIDR before ConfigureNodeSubnet", async () => {
  await using surface = await openServices({
    nodeNetwork: () => Promise.resolve({ ...NETWORK, configured: undefined }),
  });
  assert.deepEqual(await surface.client.getNodeNetwork(), {
    ok: true,
    value: {
      node_network: {
        subnet: "",
        gateway: "",
        cluster_cidr: "10.42.0.0/16",
        revision: 0,
      },
      refusal: "",
      findings: [],
      sidecar: ACTIVITY_MESSAGE,
    },
  });
});

Deno.test("GetNodeNetwork answers the findings about the node, and those about nothing else", async () => {
  const dataPath = new MemoryDataPath();
  const findings = new CurrentFindings(dataPath);
  const nodeNetwork = () => Promise.resolve(NETWORK);
  await using surface = await openServices({ nodeNetwork }, findings);
  dataPath.publish([
    finding("device-down", "critical", { device: "vxlan100" }),
    finding("forwarding-off", "critical"),
    finding("route-contended", "warning", { destination: "10.42.2.0/24" }),
    finding("gateway-missing", "warning"),
  ]);
  const answer = await surface.client.getNodeNetwork();
  assert.deepEqual(answer.ok && answer.value.findings, [
    findingMessage("forwarding-off", "critical"),
    findingMessage("gateway-missing", "warning"),
  ]);
});

Deno.test("GetNodeNetwork says why the last ConfigureNodeSubnet set no subnet", async () => {
  let outcome: ConfigureOutcome = { kind: "refused", sentence: "It was refused" };
  await using surface = await openServices({
    nodeNetwork: () => Promise.resolve(NETWORK),
    lastConfigure: () => outcome,
  });
  const refusal = async () => {
    const answer = await surface.client.getNodeNetwork();
    return answer.ok ? answer.value.refusal : answer.fault;
  };
  assert.equal(await refusal(), "It was refused");
  outcome = { kind: "queue-full" };
  assert.match(String(await refusal()), /^Too many calls are waiting for the kernel/);
  outcome = { kind: "configured", subnet: cidr("10.42.1.0/24"), changed: true };
  assert.equal(await refusal(), "");
});

/** A watch that the test feeds, and how many listen to it. */
function makeWatch() {
  const listeners = new Set<(network: NodeNetwork) => void>();
  return {
    listeners,
    publish: (network: NodeNetwork) => {
      for (const listener of listeners) listener(network);
    },
    watchNodeNetwork: (listener: (network: NodeNetwork) => void) => {
      listeners.add(listener);
      listener(NETWORK);
      return () => listeners.delete(listener);
    },
  };
}

Deno.test("WatchNodeNetwork unsubscribes when its client is gone", async () => {
  const watch = makeWatch();
  await using surface = await openServices(watch);
  for await (const network of surface.client.watchNodeNetwork()) {
    assert.deepEqual(network, MESSAGE);
    break;
  }
  await until(() => watch.listeners.size === 0, { what: "the end of the watch" });
});

Deno.test("WatchNodeNetwork sends each change, and ends with UNAVAILABLE when the sidecar stops", async () => {
  const watch = makeWatch();
  await using surface = await openServices(watch);
  const seen: number[] = [];
  const reading = (async () => {
    for await (const { revision } of surface.client.watchNodeNetwork()) {
      seen.push(revision);
    }
  })();
  await until(() => seen.length === 1, { what: "the present network" });
  watch.publish({ ...NETWORK, configured: undefined });
  await until(() => seen.length === 2, { what: "the change" });
  assert.deepEqual(seen, [7, 0]);
  surface.streams.endAll();
  await assert.rejects(reading, /14 UNAVAILABLE: The sidecar is shutting down; /);
});

Deno.test("WatchNodeNetwork sends only the latest of many changes at once", async () => {
  const watch = makeWatch();
  await using surface = await openServices(watch);
  const seen: number[] = [];
  void (async () => {
    for await (const { revision } of surface.client.watchNodeNetwork()) {
      seen.push(revision);
    }
  })().catch(() => {});
  await until(() => seen.length === 1, { what: "the present network" });
  const { configured } = NETWORK;
  assert.ok(configured !== undefined);
  for (let revision = 8; revision <= 2_000; revision += 1) {
    watch.publish({ ...NETWORK, configured: { ...configured, revision } });
  }
  await until(() => seen.at(-1) === 2_000, { what: "the latest" });
  // The first one goes at once, unless the present network was sent a moment ago.
  assert.deepEqual(seen.filter((revision) => revision !== 8), [7, 2_000]);
});
