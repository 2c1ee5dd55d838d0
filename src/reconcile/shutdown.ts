import type { Result } from "../shared/result.ts";
import type { ClusterPolicy } from "../ipam/policy.ts";
import type {
  Cause,
  Dataplane,
  Mutation,
  OperationResult,
  TableRoute,
} from "../dataplane/dataplane.ts";
import type { Logger } from "../observability/logger.ts";
import { TABLE_MAIN } from "../routing/kernel_route.ts";
import type { Remembered } from "../state/table142_codec.ts";
import { exchangeAll } from "./exchanges.ts";
import { list } from "./repair_messages.ts";
import { isOutside, memoryOf, readOwn } from "../state/table142_store.ts";
import { describeTrouble } from "./refusal.ts";

const EXIT: Cause = { rpc: "exit", peer: "" };

type Removal = Extract<Mutation, { readonly kind: "delete-route" | "delete-entry" }>;

/**
 * Takes away what a start would adopt, and only that: routes and memory. Allocated
 * addresses stay, and the subnet with them: containers outlive the sidecar. What is said
 * of it is what the kernel shows afterwards.
 */
export async function removeOurs(
  dataplane: Dataplane,
  policy: ClusterPolicy,
  logger: Logger,
): Promise<void> {
  const before = await readOwn(dataplane);
  if (before.kind === "lost") {
    return logger.log("error", `Routes stay: ${before.why}`);
  }
  const removals = planRemovals(before.entries, policy);
  const operations = removals.map((command) => ({ command, cause: EXIT }));
  const removed = await exchangeAll(dataplane, operations);
  const after = await readOwn(dataplane);
  if (after.kind === "lost") {
    return logger.log("error", `Routes may stay: ${after.why}`);
  }
  const left = planRemovals(after.entries, policy);
  const all = countRoutes(removals);
  if (left.length === 0) {
    return logger.log("info", `Removed all ${all} routes on exit, as asked`);
  }
  const gone = all - countRoutes(left);
  const why = describeLeft(left, removed);
  logger.log("error", `Removed ${gone} of ${all} routes on exit. ${why}`);
}

/** The memory first, as for every route that is to go. */
function planRemovals(
  own: readonly TableRoute[],
  policy: ClusterPolicy,
): readonly Removal[] {
  const ours = own.filter((entry) => !isOutside(entry, policy));
  const memory = memoryOf(ours);
  const kept = new Set<Remembered["kind"]>(
    memory.some(({ remembered }) => remembered.kind === "address")
      ? ["nonsense", "address", "owner-part", "subnet"]
      : ["nonsense"],
  );
  const forgets = memory.filter(({ remembered }) => !kept.has(remembered.kind))
    .map(({ entry }): Removal => ({ kind: "delete-entry", entry }));
  const deletions = ours.filter(({ route }) => route.table === TABLE_MAIN)
    .map(({ route }): Removal => ({ kind: "delete-route", route }));
  return [...forgets, ...deletions];
}

function countRoutes(removals: readonly Removal[]): number {
  return removals.filter(({ kind }) => kind === "delete-route").length;
}

function describeLeft(
  left: readonly Removal[],
  removed: Result<readonly OperationResult[], string>,
): string {
  const prefixes = left.map((removal) =>
    removal.kind === "delete-entry" ? removal.entry.prefix : removal.route.destination
  );
  const named = list([...new Set(prefixes)]);
  if (!removed.ok) return describeTrouble(named, { kind: "lost", why: removed.fault });
  for (const result of removed.value) {
    if (result.ok || result.failure.kind === "absent") continue;
    return describeTrouble(named, { kind: "failed", failure: result.failure });
  }
  return `Somebody put back: ${named}`;
}
