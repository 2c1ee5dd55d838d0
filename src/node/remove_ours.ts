import type { Cause } from "../kernel/audit.ts";
import type { Door, Errand } from "../kernel/door.ts";
import type { Logger } from "../log.ts";
import { TABLE_MAIN } from "../routes/found_route.ts";
import type { Remembered } from "../routes/memory.ts";
import { exchangeAll } from "./exchanges.ts";
import { memoryOf, readOwn } from "./own.ts";

const EXIT: Cause = { rpc: "exit", peer: "" };

/**
 * Takes away all that is ours, and only that: routes and memory. Allocated addresses
 * stay, and the subnet with them: containers outlive the sidecar.
 */
export async function removeOurs(door: Door, logger: Logger): Promise<void> {
  const own = await readOwn(door);
  if (own.kind !== "read") {
    logger.log("error", `Routes stay: ${own.why}`);
    return;
  }
  const memory = memoryOf(own.entries);
  const kept = new Set<Remembered["kind"]>(
    memory.some(({ remembered }) => remembered.kind === "address")
      ? ["nonsense", "address", "owner-part", "subnet"]
      : ["nonsense"],
  );
  const forgets = memory.filter(({ remembered }) => !kept.has(remembered.kind))
    .map(({ entry }): Errand => ({ command: { kind: "forget", entry }, cause: EXIT }));
  const deletions = own.entries.filter(({ route }) => route.table === TABLE_MAIN)
    .map(({ route }): Errand => ({
      command: { kind: "delete-route", route },
      cause: EXIT,
    }));
  await exchangeAll(door, [...forgets, ...deletions]);
  logger.log("info", `Removed all ${deletions.length} routes on exit, as asked`);
}
