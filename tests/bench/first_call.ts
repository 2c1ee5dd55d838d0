import { addVxlan, makeNamespace } from "../support/namespace.ts";
import { startSidecar } from "../support/sidecar.ts";
import { startBenchClient } from "./bench_client.ts";
import { PEERS } from "./peers.ts";
import { describeMs, type Finding } from "./report.ts";
import { median } from "./statistics.ts";

const STARTS = 10;

/** What the agent feels: its calls are seconds apart, and the first one meets cold code. */
export async function measureFirstCall(): Promise<readonly Finding[]> {
  await using namespace = await makeNamespace();
  await addVxlan(namespace);
  const firsts: number[] = [];
  const later: number[] = [];
  // One client for all starts, or its own first call would be measured as well.
  await using client = await startBenchClient(namespace);
  for (let start = -1; start < STARTS; start += 1) {
    await using _sidecar = await startSidecar(namespace);
    await client.connect();
    const { microseconds } = await client.play("InjectRoute", PEERS);
    const [first, ...others] = microseconds;
    await client.play("RemoveRoute", PEERS, 64);
    // Before the first one that counts, the client itself is warmed up.
    if (start < 0 || first === undefined) continue;
    firsts.push(first);
    later.push(...others);
  }
  return [{
    what: `first call of a process to its later ones, ${STARTS} processes`,
    value: median(firsts) / median(later),
    unit: "×",
    limit: { kind: "at most", value: 5 },
    raw: `${describeMs(median(firsts))} to ${describeMs(median(later))}`,
  }];
}
