import { addVxlan, makeNamespace, type Namespace } from "../support/namespace.ts";
import { type BenchClient, startBenchClient } from "./bench_client.ts";
import { PEERS } from "./peers.ts";
import { describeMs, type Finding } from "./report.ts";
import { median } from "./statistics.ts";
import { startQuietServer } from "./quiet_server.ts";

const STARTS = 15;

/** The sidecar as it is served, and the least that can answer under the same flags. */
const PROGRAMS = { sidecar: "src/main.ts", bare: "tests/bench/bare_main.ts" };

/** From SIGKILL to the next process's first answer, a bare grpc-js server's beside it. */
export async function measureGap(): Promise<readonly Finding[]> {
  await using namespace = await makeNamespace();
  await addVxlan(namespace);
  await using client = await startBenchClient(namespace);
  const gaps: Record<keyof typeof PROGRAMS, number[]> = { sidecar: [], bare: [] };
  for (let turn = -1; turn < STARTS; turn += 1) {
    for (const kind of ["bare", "sidecar"] as const) {
      const gap = await gapMs(namespace, client, PROGRAMS[kind]);
      // Not the first: the files have to come from the disk, and the client is cold.
      if (turn >= 0) gaps[kind].push(gap);
    }
  }
  const [sidecar, bare] = [median(gaps.sidecar), median(gaps.bare)];
  return [{
    what: "SIGKILL to the next answer, to a bare server's",
    value: sidecar / bare,
    unit: "×",
    limit: { kind: "at most", value: 1.5 },
    raw: `${describeMs(sidecar * 1000)} to ${describeMs(bare * 1000)}, ${STARTS} each`,
  }];
}

/** What the old process leaves in the kernel, the new one adopts. */
async function gapMs(
  namespace: Namespace,
  client: BenchClient,
  program: string,
): Promise<number> {
  const [peer] = PEERS;
  if (peer === undefined) throw new RangeError("There is no peer");
  await using old = startQuietServer(namespace, program);
  await client.firstAnswer(peer);
  await client.connect();
  await client.play("InjectRoute", PEERS, 64);
  const killedMs = performance.timeOrigin + performance.now();
  old.kill();
  await using _next = startQuietServer(namespace, program);
  return await client.firstAnswer(peer) - killedMs;
}
