import { err, ok, type Result } from "../shared/result.ts";
import { type ClusterPolicy, isNodeCidr } from "../ipam/policy.ts";
import { describeGatewayTaken } from "../ipam/messages.ts";
import {
  answerOf,
  type Cause,
  type Dataplane,
  type Operation,
  type TableRoute,
} from "../dataplane/dataplane.ts";
import type { Logger } from "../observability/logger.ts";
import { isWanted } from "./decide.ts";
import { OUR_PROTOCOL, TABLE_MAIN } from "../routing/kernel_route.ts";
import { entryOf, recall, STATE_TABLE, subnetEntry } from "../state/table142_codec.ts";
import { adoptAddresses } from "../addresses/address_records.ts";
import { INSTALLED, type Ledger, type Standing } from "./desired_state.ts";
import { list, repairMessages } from "./repair_messages.ts";
import { isOutside, memoryOf, readOwn } from "../state/table142_store.ts";
import { renew } from "./renew.ts";
import { readRules } from "./rules.ts";
import type { Snapshot } from "./kernel_cache.ts";

const ADOPT: Cause = { rpc: "adopt", peer: "" };

const ADOPTED: Standing = { kind: "adopted" };

/** What an adoption works with. */
export interface AdoptParts {
  readonly dataplane: Dataplane;
  readonly ledger: Ledger;
  readonly snapshot: Snapshot;
  readonly policy: ClusterPolicy;
  readonly logger: Logger;
}

/**
 * Reads back what an earlier life left in the kernel, and makes it true again: routes
 * that the main table forgot while nobody was there, and intents whose device has come.
 *
 * @param ledger an empty one; it is filled
 * @returns one sentence if the kernel cannot be read
 */
export async function adopt(
  { dataplane, ledger, logger, policy, snapshot }: AdoptParts,
): Promise<Result<void, string>> {
  const own = await readOwn(dataplane);
  if (own.kind === "lost") return err(`Cannot read the kernel's routes: ${own.why}`);
  const { entries } = own;
  snapshot.learnRules(await readRules(dataplane));
  await adoptSubnet(dataplane, ledger, policy, entries);
  await adoptAddresses(dataplane, ledger, entries, ADOPT);
  const ours = entries.filter((entry) => !isOutside(entry, policy));
  adoptRoutes(ledger, snapshot, ours);
  logger.log("info", describeAdopted(ledger));
  const { gateway } = ledger.pool;
  const taken = gateway === undefined ? undefined : ledger.pool.findByAddress(gateway);
  if (taken !== undefined) logger.log("warn", describeGatewayTaken(taken));
  const outside = entries.filter((entry) => isOutside(entry, policy));
  if (outside.length > 0) logger.log("warn", describeOutside(outside, policy));
  const open = ledger.wishes().filter(({ standing }) => standing.kind === "adopted")
    .map(({ route }) => route.destination);
  const repairs = await renew(dataplane, ledger, snapshot, open, ADOPT);
  for (const { level, message } of repairMessages(repairs)) {
    logger.log(level, message);
  }
  return ok(undefined);
}

/** Of two subnets the later one counts; a change was cut short between its two writes. */
async function adoptSubnet(
  dataplane: Dataplane,
  ledger: Ledger,
  policy: ClusterPolicy,
  own: readonly TableRoute[],
): Promise<void> {
  const subnets = memoryOf(own).map(({ remembered }) => remembered)
    .filter((entry) => entry.kind === "subnet")
    .toSorted((one, other) => other.revision - one.revision);
  // Also one that is left alone: no other may ever look older than it.
  ledger.highestRevision = subnets[0]?.revision ?? 0;
  const [latest, ...stale] = subnets.filter(({ subnet }) => isNodeCidr(subnet, policy));
  if (latest !== undefined) {
    const { cursor, revision, subnet } = latest;
    ledger.nodeSubnet = { subnet, revision };
    ledger.pool.configure(subnet, cursor);
  }
  const operations = stale.map(({ revision, subnet }): Operation => ({
    command: { kind: "delete-entry", entry: subnetEntry(subnet, revision) },
    cause: ADOPT,
  }));
  if (operations.length > 0) await dataplane.run(operations);
}

function adoptRoutes(
  ledger: Ledger,
  snapshot: Snapshot,
  own: readonly TableRoute[],
): void {
  const inMain = Map.groupBy(
    own.map(({ route }) => route).filter(({ table }) => table === TABLE_MAIN),
    ({ destination }) => destination,
  );
  for (const { remembered } of memoryOf(own)) {
    if (remembered.kind !== "route") continue;
    const { confirmed, route } = remembered;
    const [found, ...others] = inMain.get(route.destination) ?? [];
    // A look at each of 254 routes that are as they should be would keep callers waiting.
    const standing = found !== undefined && others.length === 0 &&
        isWanted(found, route)
      ? INSTALLED
      : ADOPTED;
    ledger.put({ route, remembered: true, standing });
    if (!confirmed) ledger.unconfirm(route.destination);
  }
  for (const [destination, routes] of inMain) {
    // One look-up shows only the best of them.
    if (routes.length > 1) snapshot.occupy(destination);
    const device = routes.find((route) => route.device !== undefined)?.device;
    if (device === undefined || ledger.get(destination) !== undefined) continue;
    if (destination === ledger.nodeSubnet?.subnet) continue;
    // Without a memory: its removal was cut short, or the memory was lost.
    const route = { destination, device };
    ledger.put({ route, remembered: false, standing: ADOPTED });
  }
}

function describeOutside(
  outside: readonly TableRoute[],
  { clusterCidr, nodePrefix }: ClusterPolicy,
): string {
  const named = list([...new Set(outside.map(({ route }) => route.destination))]);
  return `Protocol ${OUR_PROTOCOL} has routes that are no /${nodePrefix} within ` +
    `cluster CIDR ${clusterCidr}, left: ${named}; ` +
    `look at them with: ip route show table all proto ${OUR_PROTOCOL}`;
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
export async function reportForeign(
  dataplane: Dataplane,
  logger: Logger,
): Promise<void> {
  const reply = await dataplane.run([{
    command: { kind: "table-routes", table: STATE_TABLE },
  }]);
  const result = reply.kind === "answered" ? reply.results[0] : undefined;
  const answer = answerOf(result, "table");
  if (answer === undefined) return;
  const foreign = answer.routes.filter((found) => {
    const entry = entryOf(found);
    return entry === undefined || recall(entry).kind === "nonsense";
  });
  if (foreign.length === 0) return;
  const named = list(foreign.map(({ route }) => route.destination));
  logger.log(
    "warn",
    `Table ${OUR_PROTOCOL} has entries that are not ours, left: ${named}`,
  );
}
