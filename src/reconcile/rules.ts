import { answerOf, type Dataplane } from "../dataplane/dataplane.ts";

/** True if rules may hide routes of the main table from a look-up, or nobody knows. */
export async function readRules(dataplane: Dataplane): Promise<boolean> {
  const reply = await dataplane.run([{ command: { kind: "rules" } }]);
  const result = reply.kind === "answered" ? reply.results[0] : undefined;
  return answerOf(result, "rules")?.hiding ?? true;
}
