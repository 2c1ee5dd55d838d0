import { addVxlan, makeNamespace, type Namespace } from "../support/namespace.ts";
import { type BenchClient, startBenchClient } from "./bench_client.ts";
import { PEERS } from "./peers.ts";
import { describeMs, type Finding } from "./report.ts";
import { median } from "./statistics.ts";
import { startQuietServer } from "./quiet_server.ts";

const ROUNDS = 24;
const IN_FLIGHT = 64;

/** A sidecar with the no-op beside it, and a client that is connected and warm. */
export async function withNoop<Value>(
  namespace: Namespace,
  use: (client: BenchClient) => Promise<Value>,
): Promise<Value> {
  await using _server = startQuietServer(namespace, "tests/bench/server_main.ts");
  await using client = await startBenchClient(namespace);
  await client.firstAnswer({ destination: "10.42.1.0/24", via_interface: "vxlan100" });
  await client.connect();
  await client.play("ConfigureNodeSubnet", [{ subnet: "10.42.0.0/24" }]);
  // The first look at everything comes a second after the start; V8 warms up meanwhile.
  const end = performance.now() + 1500;
  while (performance.now() < end) {
    await client.play("Noop", PEERS);
    await client.play("InjectRoute", PEERS);
    await client.play("RemoveRoute", PEERS);
  }
  return await use(client);
}

/** New routes one after another, and many in flight, each beside the no-op. */
export async function measureCalls(): Promise<readonly Finding[]> {
  await using namespace = await makeNamespace();
  await addVxlan(namespace);
  return await withNoop(namespace, async (client) => [
    ...await compareSequential(client, namespace),
    await compareInFlight(client),
  ]);
}

/** Outside the cluster: the sidecar knows nothing of them. */
const STRANGERS = PEERS.map((peer) => ({
  ...peer,
  destination: peer.destination.replace("10.", "110."),
}));

async function compareSequential(
  client: BenchClient,
  namespace: Namespace,
): Promise<readonly Finding[]> {
  const noop: number[] = [];
  const bare: number[] = [];
  const inject: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    noop.push(...(await client.play("Noop", PEERS)).microseconds);
    bare.push(...(await client.play("Bare", STRANGERS)).microseconds);
    await namespace.ip("route flush table all root 110.0.0.0/8");
    inject.push(...(await client.play("InjectRoute", PEERS)).microseconds);
    await client.play("RemoveRoute", PEERS);
  }
  return [{
    what: "new routes, one after another, to a no-op",
    value: median(inject) / median(noop),
    unit: "×",
    limit: { kind: "at most", value: 1.5 },
    raw: `${describeMs(median(inject))} to ${describeMs(median(noop))}`,
  }, {
    what: "the same lines of ip in a handler that does nothing else",
    value: median(bare) / median(noop),
    unit: "×",
    raw: `${describeMs(median(bare))}: no less can be had from ip`,
  }];
}

async function compareInFlight(client: BenchClient): Promise<Finding> {
  const rates: Record<"Noop" | "InjectRoute", number[]> = { Noop: [], InjectRoute: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const rpc of ["Noop", "InjectRoute"] as const) {
      const { elapsed } = await client.play(rpc, PEERS, IN_FLIGHT);
      rates[rpc].push(PEERS.length / elapsed * 1e6);
    }
    await client.play("RemoveRoute", PEERS, IN_FLIGHT);
  }
  const noop = median(rates.Noop);
  const inject = median(rates.InjectRoute);
  return {
    what: `new routes, ${IN_FLIGHT} in flight, rate to a no-op's`,
    value: inject / noop,
    unit: "×",
    limit: { kind: "at least", value: 0.6 },
    raw: `${inject.toFixed(0)}/s to ${noop.toFixed(0)}/s`,
  };
}
