import { err, ok, type Result } from "../shared/result.ts";
import type { Dataplane, Operation, OperationResult } from "../dataplane/dataplane.ts";
import { lostBecause } from "./observe.ts";

/** How often an `ip` that was lost is asked again. */
const TRIES = 3;

/** Commands in one exchange with the kernel. */
const CHUNK = 512;

/** Tries again while `ip` is lost: for what does no harm when it is done twice. */
export async function insist<Answer extends { readonly kind: string }>(
  attempt: () => Promise<Answer>,
): Promise<Answer> {
  let answer = await attempt();
  for (let tries = 1; answer.kind === "lost" && tries < TRIES; tries += 1) {
    answer = await attempt();
  }
  return answer;
}

/**
 * Carries out operations, however many, that do no harm when they are done twice.
 *
 * @returns their results, or why `ip` was lost: then the rest was not tried
 */
export async function exchangeAll(
  dataplane: Dataplane,
  operations: readonly Operation[],
): Promise<Result<readonly OperationResult[], string>> {
  const results: OperationResult[] = [];
  let read = true;
  for (let at = 0; at < operations.length; at += CHUNK) {
    if (at > 0 && read) read = await dataplane.drainAuditLog();
    const chunk = operations.slice(at, at + CHUNK);
    const exchange = await insist(async () => {
      const reply = await dataplane.run(chunk);
      return reply.kind === "answered" ? reply : lostBecause(reply);
    });
    if (exchange.kind === "lost") return err(exchange.why);
    results.push(...exchange.results);
  }
  return ok(results);
}
