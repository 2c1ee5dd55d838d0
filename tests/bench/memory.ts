import {
  childrenOf,
  peakKiB,
  processorSeconds,
  residentKiB,
} from "../e2e/processes.ts";
import { objectAt } from "../../deploy/json.ts";
import { containerOf, readPod } from "../support/manifest.ts";
import { addVxlan, makeNamespace, type Namespace } from "../support/namespace.ts";
import { startBenchClient } from "./bench_client.ts";
import { PEERS } from "./peers.ts";
import type { Finding } from "./report.ts";
import { type QuietServer, startQuietServer } from "./quiet_server.ts";

const MANY = 10_000;
/** Seconds of rest in which the processor's time is counted. */
const REST = 60;
/** Seconds and connections of a flood. */
const FLOOD = 20;
const CONNECTIONS = 200;

/** What a sidecar and its `ip` processes use. */
interface Usage {
  /** Resident memory of all of them, shared pages of a binary counted in each. */
  readonly mebibytes: number;
  /** Of one core, since the start. */
  readonly seconds: number;
}

/** Memory and processor time that requests and limits of a pod are made of. */
export async function measureMemory(): Promise<readonly Finding[]> {
  const { limits, requests } = await resources();
  await using namespace = await makeNamespace();
  await addVxlan(namespace);
  await using sidecar = startQuietServer(namespace, "src/main.ts", [
    ...["--cluster-cidr", "10.0.0.0/8"],
  ]);
  await using client = await startBenchClient(namespace);
  await client.firstAnswer({ destination: "10.42.1.0/24", via_interface: "vxlan100" });
  const started = usageOf(sidecar);
  await client.connect();
  await client.play("InjectRoute", PEERS);
  await sidecar.rest();
  const few = usageOf(sidecar);
  await pause(REST);
  const rested = usageOf(sidecar);
  const routes = Array.from({ length: MANY }, (_, at) => ({
    destination: `10.${at >> 8}.${at & 255}.0/24`,
    device: "vxlan100",
  }));
  await client.play("SyncRoutes", [{ routes, dry_run: false }]);
  await sidecar.rest();
  const many = usageOf(sidecar);
  await pause(REST);
  const manyRested = usageOf(sidecar);
  await flood(namespace);
  const flooded = usageOf(sidecar);
  await sidecar.rest();
  const least = { kind: "at most", value: requests } as const;
  return [
    memory("resident at the start", started, least),
    memory(`resident with ${PEERS.length} routes, at rest`, rested, least),
    memory(`resident with ${MANY} routes, at rest`, manyRested, least),
    {
      what: `peak, ${MANY} routes and ${CONNECTIONS} connections that flood`,
      value: peakOf(sidecar),
      unit: "MiB",
      limit: { kind: "at most", value: limits },
      raw: `${
        (flooded.seconds - manyRested.seconds).toFixed(1)
      } s of a core in ${FLOOD} s`,
    },
    {
      what: `resident after that, at rest`,
      value: usageOf(sidecar).mebibytes,
      unit: "MiB",
      raw: "",
    },
    processor("processor until the first answer", started.seconds, 1),
    processor(
      `processor with ${PEERS.length} routes, of a core`,
      rested.seconds - few.seconds,
      REST,
    ),
    processor(
      `processor with ${MANY} routes, of a core`,
      manyRested.seconds - many.seconds,
      REST,
    ),
  ];
}

/** MiB that the pod of deploy/kubernetes asks for, and has at most. */
async function resources(): Promise<
  { readonly requests: number; readonly limits: number }
> {
  const pod = await readPod("deploy/kubernetes/base/daemonset.yaml");
  const stated = objectAt(containerOf(pod, "sidecar"), "resources");
  const mebibytes = (name: string) =>
    Number(/^(\d+)Mi$/.exec(String(objectAt(stated, name)["memory"]))?.[1]);
  return { requests: mebibytes("requests"), limits: mebibytes("limits") };
}

function usageOf({ pid }: QuietServer): Usage {
  const processes = [pid, ...childrenOf(pid).map((child) => child.pid)];
  const kib = processes.reduce((sum, each) => sum + residentKiB(each), 0);
  return { mebibytes: kib / 1024, seconds: processorSeconds(pid) };
}

/** The highest that each process had until now. */
function peakOf({ pid }: QuietServer): number {
  const processes = [pid, ...childrenOf(pid).map((child) => child.pid)];
  return processes.reduce((sum, each) => sum + peakKiB(each), 0) / 1024;
}

function memory(what: string, usage: Usage, limit?: Finding["limit"]): Finding {
  const finding = { what, value: usage.mebibytes, unit: "MiB", raw: "" } as const;
  return limit === undefined ? finding : { ...finding, limit };
}

function processor(what: string, seconds: number, of: number): Finding {
  return {
    what,
    value: seconds / of * 1000,
    unit: "ms",
    raw: of === 1 ? "" : `${seconds.toFixed(2)} s in ${of} s`,
  };
}

async function pause(seconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** InjectRoute of one route that is there, as fast as h2load is let. */
async function flood(namespace: Namespace): Promise<void> {
  const text = (value: string) => [value.length, ...new TextEncoder().encode(value)];
  const message = [0x0a, ...text("10.0.2.0/24"), 0x12, ...text("vxlan100")];
  const body = await Deno.makeTempFile();
  await Deno.writeFile(body, new Uint8Array([0, 0, 0, 0, message.length, ...message]));
  const { code, stderr } = await namespace.run([
    ...["h2load", "-c", `${CONNECTIONS}`, "-m", "10", "-D", `${FLOOD}`, "-d", body],
    ...["-H", "content-type: application/grpc", "-H", "te: trailers"],
    "http://127.0.0.1:50051/quilt.QuiltRuntime/InjectRoute",
  ]);
  await Deno.remove(body);
  if (code !== 0) throw new Error(`Cannot flood: ${stderr}`);
}
