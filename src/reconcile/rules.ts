import type { Door } from "../dataplane/iproute2/adapter.ts";
import { answerOf } from "../dataplane/iproute2/batch_process.ts";

/** True if rules may hide routes of the main table from a look-up, or nobody knows. */
export async function readRules(door: Door): Promise<boolean> {
  const reply = await door.exchange([{ command: { kind: "rules" } }]);
  const result = reply.kind === "answered" ? reply.results[0] : undefined;
  return answerOf(result, "rules")?.hiding ?? true;
}
