import { processorSeconds } from "../e2e/processes.ts";
import { addVxlan, makeNamespace, type Namespace } from "../support/namespace.ts";
import { startCollector } from "../support/otlp_collector.ts";
import { type BenchClient, startBenchClient } from "./bench_client.ts";
import { PEERS } from "./peers.ts";
import { describeMs, type Finding } from "./report.ts";
import { median } from "./statistics.ts";
import { type QuietServer, startQuietServer } from "./quiet_server.ts";

const ROUNDS = 20;
const SCRAPES = 200;

/** A sidecar and its client, each in a namespace with nothing else. */
interface Bench extends AsyncDisposable {
  readonly namespace: Namespace;
  readonly server: QuietServer;
  readonly client: BenchClient;
}

/** As an operator sets it up: protobuf, and the pace of OpenTelemetry's defaults. */
const EXPORTING = {
  OTEL_DENO: "true",
  OTEL_DENO_CONSOLE: "replace",
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318",
};

/** What counting, tracing, exporting and a scrape each second cost. */
export async function measureTelemetry(): Promise<readonly Finding[]> {
  await using bare = await open("tests/bench/server_main.ts", {});
  await using counting = await open("tests/bench/counted_main.ts", {});
  await using off = await open("src/main.ts", {});
  await using exporting = await open("src/main.ts", EXPORTING);
  const benches = { bare, counting, off, exporting };
  const names = ["bare", "counting", "off", "exporting"] as const;
  const medians: Record<keyof typeof benches, number[]> = {
    bare: [],
    counting: [],
    off: [],
    exporting: [],
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    // Each is first and last equally often, because the machine may have other work.
    const turn = round % 2 === 0 ? names : names.toReversed();
    for (const name of turn) {
      medians[name].push(median(await play(benches[name].client)));
    }
  }
  const scrape = await measureScrape(off);
  return [
    ratio(
      "calls that are counted, to calls that are not",
      medians.counting,
      medians.bare,
      1.05,
    ),
    ratio(
      "serve with OTLP export, to serve without",
      medians.exporting,
      medians.off,
      1.1,
    ),
    {
      what: "GET /metrics each second, of a core",
      value: 1 + scrape,
      unit: "×",
      limit: { kind: "at most", value: 1.01 },
      raw: `${describeMs(scrape * 1e6)} of processor time each`,
    },
  ];
}

/** Compares rounds that were close to one another in time. */
function ratio(
  what: string,
  measured: readonly number[],
  base: readonly number[],
  limit: number,
): Finding {
  const ratios = measured.map((value, round) => value / (base[round] ?? NaN));
  return {
    what,
    value: median(ratios),
    unit: "×",
    limit: { kind: "at most", value: limit },
    raw: `${describeMs(median(measured))} to ${describeMs(median(base))}`,
  };
}

async function open(
  program: string,
  env: Readonly<Record<string, string>>,
): Promise<Bench> {
  await using stack = new AsyncDisposableStack();
  const namespace = stack.use(await makeNamespace());
  await addVxlan(namespace);
  if ("OTEL_DENO" in env) stack.use(await startCollector(namespace, "discard"));
  const server = stack.use(startQuietServer(namespace, program, [], env));
  const client = stack.use(await startBenchClient(namespace));
  await client.firstAnswer({ destination: "10.42.1.0/24", via_interface: "vxlan100" });
  await client.connect();
  await client.play("ConfigureNodeSubnet", [{ subnet: "10.42.0.0/24" }]);
  // The first resync comes a second after the start; V8 warms up meanwhile.
  const end = performance.now() + 2_000;
  while (performance.now() < end) await play(client);
  const kept = stack.move();
  return {
    namespace,
    server,
    client,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function play(client: BenchClient): Promise<readonly number[]> {
  const { microseconds } = await client.play("InjectRoute", PEERS);
  await client.play("RemoveRoute", PEERS);
  return microseconds;
}

/** @returns seconds of the sidecar's processor time for one scrape of 254 routes */
async function measureScrape({ client, namespace, server }: Bench): Promise<number> {
  await client.play("InjectRoute", PEERS);
  await server.rest();
  const before = processorSeconds(server.pid);
  const { code, stderr } = await namespace.run([
    Deno.execPath(),
    "eval",
    `for (let at = 0; at < ${SCRAPES}; at += 1) {
      const answer = await fetch("http://127.0.0.1:50051/metrics");
      if (!(await answer.text()).includes("rpc_server_call_duration")) Deno.exit(1);
    }`,
  ]);
  if (code !== 0) throw new Error(`Cannot scrape: ${stderr}`);
  return (processorSeconds(server.pid) - before) / SCRAPES;
}
