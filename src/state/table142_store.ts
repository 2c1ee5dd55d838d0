import { type ClusterPolicy, isNodeCidr } from "../ipam/policy.ts";
import {
  answerOf,
  type Dataplane,
  type TableEntry,
  type TableRoute,
} from "../dataplane/dataplane.ts";
import { TABLE_MAIN } from "../routing/kernel_route.ts";
import { entryOf, recall, type Remembered } from "./table142_codec.ts";
import { insist } from "../reconcile/exchanges.ts";
import { lostBecause } from "../reconcile/observe.ts";

/** Everything of ours in every table, or why it could not be read. */
export type OwnEntries =
  | { readonly kind: "read"; readonly entries: readonly TableRoute[] }
  | { readonly kind: "lost"; readonly why: string };

/** An entry of table 142 and what it means. */
export interface MemoryEntry {
  readonly entry: TableEntry;
  readonly remembered: Remembered;
}

/** Reads all that carries our protocol number; the kernel itself does the picking. */
export async function readOwn(dataplane: Dataplane): Promise<OwnEntries> {
  return await insist(() => readOnce(dataplane));
}

/** What of all that is ours stands in table 142. */
export function memoryOf(own: readonly TableRoute[]): readonly MemoryEntry[] {
  return own.flatMap((found) => {
    const entry = entryOf(found);
    return entry === undefined ? [] : [{ entry, remembered: recall(entry) }];
  });
}

/**
 * True for what carries our protocol number and is for no node of this cluster: it is of
 * a start with other options, or of somebody who has the number as well. No call could
 * name it, so it is left alone.
 */
export function isOutside(
  found: TableRoute,
  policy: ClusterPolicy,
): boolean {
  const { route } = found;
  if (isNodeCidr(route.destination, policy)) return false;
  if (route.table === TABLE_MAIN) return true;
  const entry = entryOf(found);
  const kind = entry === undefined ? "nonsense" : recall(entry).kind;
  return kind === "route" || kind === "subnet";
}

async function readOnce(dataplane: Dataplane): Promise<OwnEntries> {
  const reply = await dataplane.run([{ command: { kind: "own-routes" } }]);
  if (reply.kind !== "answered") return lostBecause(reply);
  const result = reply.results[0];
  if (result === undefined) return { kind: "lost", why: "no answer" };
  if (!result.ok) return { kind: "lost", why: result.failure.words };
  const answer = answerOf(result, "table");
  if (answer === undefined) return { kind: "lost", why: "another answer" };
  return { kind: "read", entries: answer.routes };
}
