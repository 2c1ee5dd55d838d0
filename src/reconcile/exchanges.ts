import { err, ok, type Result } from "../shared/result.ts";
import type { Door, Errand } from "../dataplane/iproute2/adapter.ts";
import type { CommandResult } from "../dataplane/iproute2/batch_process.ts";
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
 * Carries out errands, however many, that do no harm when they are done twice.
 *
 * @returns their results, or why `ip` was lost: then the rest was not tried
 */
export async function exchangeAll(
  door: Door,
  errands: readonly Errand[],
): Promise<Result<readonly CommandResult[], string>> {
  const results: CommandResult[] = [];
  let read = true;
  for (let at = 0; at < errands.length; at += CHUNK) {
    if (at > 0 && read) read = await door.pace();
    const chunk = errands.slice(at, at + CHUNK);
    const exchange = await insist(async () => {
      const reply = await door.exchange(chunk);
      return reply.kind === "answered" ? reply : lostBecause(reply);
    });
    if (exchange.kind === "lost") return err(exchange.why);
    results.push(...exchange.results);
  }
  return ok(results);
}
