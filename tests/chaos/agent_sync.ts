/** The agent's calls while something else goes on, as the flood tests time them. */
import assert from "node:assert/strict";
import { done, type Host } from "../e2e/host.ts";
import type { QuiltClient } from "../support/client.ts";

/** The agent's own interval, in milliseconds. */
export const SYNC_MS = 5_000;

/**
 * Calls InjectRoute for each of so many peers, one after another, as the agent does.
 *
 * @returns how many milliseconds each call took, but for those in which the sidecar was
 * ready to run and waited for a processor: a busier process waits longer, so that other
 * load of the machine would count against it.
 */
export async function syncOnce(
  { sidecar }: Host,
  client: QuiltClient,
  peers: number,
): Promise<readonly number[]> {
  const took: number[] = [];
  let before = waitedMs(sidecar.pid);
  for (let peer = 1; peer <= peers; peer += 1) {
    const request = { destination: `10.42.${peer}.0/24`, via_interface: "vxlan100" };
    const { answer, microseconds } = await client.call("InjectRoute", request);
    assert.deepEqual(answer, done);
    const after = waitedMs(sidecar.pid);
    took.push(Math.max(0, microseconds / 1_000 - (after - before)));
    before = after;
  }
  return took;
}

/**
 * How many milliseconds something took, but for those in which the sidecar was ready to run
 * and waited for a processor.
 */
export async function msWithoutCpuWait(
  { sidecar }: Host,
  action: () => Promise<void>,
): Promise<number> {
  const waited = waitedMs(sidecar.pid);
  const began = performance.now();
  await action();
  return performance.now() - began - (waitedMs(sidecar.pid) - waited);
}

/** What 99 of 100 do not exceed. */
export function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0;
}

/** Milliseconds that a process was ready to run and did not: proc(5), schedstat. */
function waitedMs(pid: number): number {
  try {
    const [, waited] = Deno.readTextFileSync(`/proc/${pid}/schedstat`).split(" ");
    return Number(waited) / 1e6;
  } catch (error) {
    // It has just ended: then its calls fail.
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
