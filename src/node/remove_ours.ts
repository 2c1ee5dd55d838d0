import type { ClusterPolicy } from "../ipam/policy.ts";
import type { Cause } from "../kernel/audit.ts";
import type { Door, Errand } from "../kernel/door.ts";
import type { Logger } from "../log.ts";
import { TABLE_MAIN } from "../routes/found_route.ts";
import type { Remembered } from "../routes/memory.ts";
import { exchangeAll } from "./exchanges.ts";
import { isOutside, memoryOf, readOwn } from "./own.ts";

const EXIT: Cause = { rpc: "exit", peer: "" };

/**
 * Takes away what a start would adopt, and only that: routes and memory. Allocated addresses
 * stay, and the subnet with them: containers outlive the sidecar.
 */
export async function removeOurs(
  door: Door,
  policy: ClusterPolicy,
  logger: Logger,
): Promise<void> {
  const own = await readOwn(door);
  if (own.kind !== "read") {
    logger.log("error", `Routes stay: ${own.why}`);
    return;
  }
  const ours = own.entries.filter((entry) => !isOutside(entry, policy));
  const memory = memoryOf(ours);
  const kept = new Set<Remembered["kind"]>(
    memory.some(({ remembered }) => remembered.kind === "address")
      ? ["nonsense", "address", "owner-part", "subnet"]
      : ["nonsense"],
  );
  const forgets = memory.filter(({ remembered }) => !kept.has(remembered.kind))
    .map(({ entry }): Errand => ({ command: { kind: "forget", entry }, cause: EXIT }));
  const deletions = ours.filter(({ route }) => route.table === TABLE_MAIN)
    .map(({ route }): Errand => ({
      command: { kind: "delete-route", route },
      cause: EXIT,
    }));
  await exchangeAll(door, [...forgets, ...deletions]);
  logger.log("info", `Removed all ${deletions.length} routes on exit, as asked`);
}
