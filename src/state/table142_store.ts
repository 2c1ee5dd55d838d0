import { type ClusterPolicy, isNodeCidr } from "../ipam/policy.ts";
import type { Door } from "../dataplane/iproute2/adapter.ts";
import type { TableEntry } from "../dataplane/iproute2/parse.ts";
import { answerOf } from "../dataplane/iproute2/batch_process.ts";
import { TABLE_MAIN } from "../routing/kernel_route.ts";
import {
  OUR_PROTOCOL,
  recall,
  type Remembered,
  type StateEntry,
} from "./table142_codec.ts";
import { insist } from "../reconcile/exchanges.ts";
import { lostBecause } from "../reconcile/observe.ts";

/** Everything of ours in every table, or why it could not be read. */
export type OwnEntries =
  | { readonly kind: "read"; readonly entries: readonly TableEntry[] }
  | { readonly kind: "lost"; readonly why: string };

/** An entry of table 142 and what it means. */
export interface MemoryEntry {
  readonly entry: StateEntry;
  readonly remembered: Remembered;
}

/** Reads all that carries our protocol number; the kernel itself does the picking. */
export async function readOwn(door: Door): Promise<OwnEntries> {
  return await insist(() => readOnce(door));
}

/** What of all that is ours stands in table 142. */
export function memoryOf(own: readonly TableEntry[]): readonly MemoryEntry[] {
  return own.flatMap(({ route, state: entry }) =>
    route.table === OUR_PROTOCOL && entry !== undefined
      ? [{ entry, remembered: recall(entry) }]
      : []
  );
}

/**
 * True for what carries our protocol number and is for no node of this cluster: it is of
 * a start with other options, or of somebody who has the number as well. No call could
 * name it, so it is left alone.
 */
export function isOutside(
  { route, state }: TableEntry,
  policy: ClusterPolicy,
): boolean {
  if (isNodeCidr(route.destination, policy)) return false;
  if (route.table === TABLE_MAIN) return true;
  const kind = state === undefined ? "nonsense" : recall(state).kind;
  return route.table === OUR_PROTOCOL && (kind === "route" || kind === "subnet");
}

async function readOnce(door: Door): Promise<OwnEntries> {
  const reply = await door.exchange([{ command: { kind: "own-routes" } }]);
  if (reply.kind !== "answered") return lostBecause(reply);
  const result = reply.results[0];
  if (result === undefined) return { kind: "lost", why: "no answer" };
  if (!result.ok) return { kind: "lost", why: result.failure.words };
  const answer = answerOf(result, "entries");
  if (answer === undefined) return { kind: "lost", why: "another answer" };
  return { kind: "read", entries: answer.entries };
}
