import { type Checked, fail, pass } from "../ipam/checked.ts";
import type { Cause } from "../kernel/audit.ts";
import type { Door, Errand } from "../kernel/door.ts";
import { decodeRoutes, type TableEntry } from "../kernel/replies.ts";
import type { Logger } from "../log.ts";
import { isWanted } from "../routes/decide.ts";
import { TABLE_MAIN } from "../routes/found_route.ts";
import {
  OUR_PROTOCOL,
  recall,
  type Remembered,
  subnetEntry,
} from "../routes/memory.ts";
import { adoptAddresses } from "./address_memory.ts";
import { INSTALLED, type Ledger, type Standing } from "./ledger.ts";
import { describeRenewals, list } from "./news.ts";
import { memoryOf, OWN, readOwn } from "./own.ts";
import { renew } from "./renew.ts";
import type { Snapshot } from "./snapshot.ts";

const ADOPT: Cause = { rpc: "adopt", peer: "" };

const ADOPTED: Standing = { kind: "adopted" };

/**
 * Reads back what an earlier life left in the kernel, and makes it true again: routes
 * that the main table forgot while nobody was there, and intents whose device has come.
 *
 * @param ledger an empty one; it is filled
 * @returns one sentence if the kernel cannot be read
 */
export async function adopt(
  door: Door,
  ledger: Ledger,
  snapshot: Snapshot,
  logger: Logger,
): Promise<Checked<void, string>> {
  const own = await readOwn(door);
  if (own.kind === "lost") return fail(`Cannot read the kernel's routes: ${own.why}`);
  const memory = memoryOf(own.entries).map(({ remembered }) => remembered);
  await adoptSubnet(door, ledger, memory);
  await adoptAddresses(door, ledger, own.entries, ADOPT);
  adoptRoutes(ledger, memory, own.entries);
  logger.log("info", describeAdopted(ledger));
  const open = ledger.wishes().filter(({ standing }) => standing.kind === "adopted")
    .map(({ route }) => route.destination);
  const renewals = await renew(door, ledger, snapshot, open, ADOPT);
  for (const { level, message } of describeRenewals(renewals)) {
    logger.log(level, message);
  }
  return pass(undefined);
}

/** Of two subnets the later one counts; a change was cut short between its two writes. */
async function adoptSubnet(
  door: Door,
  ledger: Ledger,
  memory: readonly Remembered[],
): Promise<void> {
  const subnets = memory.filter((entry) => entry.kind === "subnet")
    .toSorted((one, other) => other.revision - one.revision);
  const [latest] = subnets;
  if (latest !== undefined) {
    const { cursor, revision, subnet } = latest;
    ledger.nodeSubnet = { subnet, revision };
    ledger.highestRevision = revision;
    ledger.pool.configure(subnet, cursor);
  }
  const stale = subnets.slice(1).map(({ revision, subnet }): Errand => ({
    command: { kind: "forget", entry: subnetEntry(subnet, revision) },
    cause: ADOPT,
  }));
  if (stale.length > 0) await door.exchange(stale);
}

function adoptRoutes(
  ledger: Ledger,
  memory: readonly Remembered[],
  own: readonly TableEntry[],
): void {
  const inMain = new Map(
    own.flatMap(({ route }) =>
      route.table === TABLE_MAIN ? [[route.destination, route]] : []
    ),
  );
  for (const entry of memory) {
    if (entry.kind !== "route") continue;
    const found = inMain.get(entry.route.destination);
    // A look at each of 254 routes that are as they should be would keep callers waiting.
    const standing = found !== undefined && isWanted(found, entry.route)
      ? INSTALLED
      : ADOPTED;
    ledger.put({ route: entry.route, remembered: true, standing });
  }
  // A route of ours without a memory: its removal was cut short, or the memory was lost.
  for (const { route } of own) {
    const { destination, device } = route;
    if (route.table !== TABLE_MAIN || device === undefined) continue;
    if (ledger.get(destination) !== undefined) continue;
    if (destination === ledger.nodeSubnet?.subnet) continue;
    const wanted = { destination, device };
    ledger.put({ route: wanted, remembered: false, standing: ADOPTED });
  }
}

function describeAdopted(ledger: Ledger): string {
  const routes = ledger.wishes().length;
  const subnet = ledger.nodeSubnet?.subnet;
  const addresses = ledger.pool.size;
  if (routes + addresses === 0 && subnet === undefined) {
    return "Nothing remembered in the kernel";
  }
  const allocated = addresses === 0
    ? ""
    : `, ${addresses} ${addresses === 1 ? "address" : "addresses"}`;
  return `Adopted from the kernel: node subnet ${subnet ?? "not configured"}, ` +
    `${routes} ${routes === 1 ? "route" : "routes"}${allocated}`;
}

/** Table 142 may be somebody else's as well: that is said, and nothing is touched. */
export async function reportForeign(door: Door, logger: Logger): Promise<void> {
  const reply = await door.exchange([{ command: { kind: "state-table" } }]);
  const result = reply.kind === "answered" ? reply.results[0] : undefined;
  if (result?.ok !== true) return;
  const foreign = decodeRoutes(result.document ?? "[]", { ...OWN, protocol: 3 })
    .filter(({ route, state }) =>
      route.protocol !== OUR_PROTOCOL || state === undefined ||
      recall(state).kind === "nonsense"
    );
  if (foreign.length === 0) return;
  const named = list(foreign.map(({ route }) => route.destination));
  logger.log(
    "warn",
    `Table ${OUR_PROTOCOL} has entries that are not ours, left: ${named}`,
  );
}
