import type { Cause } from "../kernel/audit.ts";
import type { Door, Errand } from "../kernel/door.ts";
import type { Logger } from "../log.ts";
import { PROTOCOL, TABLE_MAIN } from "../routes/found_route.ts";
import { recall, type Remembered } from "../routes/memory.ts";
import { readOwn } from "./own.ts";

const EXIT: Cause = { rpc: "exit", peer: "" };

/** Commands in one exchange with the kernel. */
const CHUNK = 512;

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
  const memory = new Map(
    own.entries.flatMap(({ state }) =>
      state === undefined ? [] : [[state, recall(state).kind]]
    ),
  );
  const kept = new Set<Remembered["kind"]>(
    [...memory.values()].includes("address")
      ? ["nonsense", "address", "owner-part", "subnet"]
      : ["nonsense"],
  );
  const errands = own.entries.flatMap(({ route, state }): Errand[] => {
    if (route.table === TABLE_MAIN) {
      return [{ command: { kind: "delete-route", route }, cause: EXIT }];
    }
    if (route.table !== PROTOCOL.ours || state === undefined) return [];
    if (kept.has(memory.get(state) ?? "nonsense")) return [];
    return [{ command: { kind: "forget", entry: state }, cause: EXIT }];
  });
  let read = true;
  for (let at = 0; at < errands.length; at += CHUNK) {
    if (read) read = await door.pace();
    await door.exchange(errands.slice(at, at + CHUNK));
  }
  const routes = own.entries.filter(({ route }) => route.table === TABLE_MAIN).length;
  logger.log("info", `Removed all ${routes} routes on exit, as asked`);
}
