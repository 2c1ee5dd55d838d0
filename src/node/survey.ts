import type { Ipv4Cidr } from "../ipam/cidr.ts";
import { prefixLength } from "../ipam/cidr.ts";
import type { ClusterPolicy } from "../ipam/policy.ts";
import type { Door } from "../kernel/door.ts";
import { decodeRoutes, type TableEntry } from "../kernel/replies.ts";
import { isWanted } from "../routes/decide.ts";
import { type FoundRoute, TABLE_MAIN } from "../routes/found_route.ts";
import { missingEntries, strangers } from "./address_memory.ts";
import { outdatedConfirmations } from "./confirmations.ts";
import type { Ledger } from "./ledger.ts";
import { memoryOf, OWN } from "./own.ts";

/** What a look at everything found that is worth a closer one. */
export interface Survey {
  /** Destinations with a route that is not the one we would write. */
  readonly occupied: ReadonlySet<Ipv4Cidr>;
  /** Destinations of which the ledger does not know that they are as it has them. */
  readonly suspicious: readonly Ipv4Cidr[];
  /** Prefixes whose entry in table 142 is gone or says something else. */
  readonly forgotten: readonly Ipv4Cidr[];
}

/**
 * Looks at all that is ours and all that lies in the cluster's prefix. It runs beside
 * the queue, so what it finds may be out of date: it only says where to look.
 *
 * @returns undefined if `ip` did not answer
 */
export async function survey(
  door: Door,
  ledger: Ledger,
  policy: ClusterPolicy,
): Promise<Survey | undefined> {
  const exchange = await door.survey([
    { kind: "own-routes" },
    { kind: "routes-within", cluster: policy.clusterCidr },
  ]);
  if (exchange.kind === "lost") return undefined;
  const [own, within] = exchange.results;
  if (own?.ok !== true || within?.ok !== true) return undefined;
  const entries = decodeRoutes(own.document ?? "[]", OWN);
  for (const address of strangers(ledger.pool, entries)) ledger.doubtful.add(address);
  const routes = decodeRoutes(within.document ?? "[]").map(({ route }) => route);
  const outdated = outdatedConfirmations(ledger, entries).map(({ prefix }) => prefix);
  ledger.ageUnconfirmed();
  return {
    ...compare(ledger, policy, routes.filter((route) => route.table === TABLE_MAIN)),
    forgotten: [...forgottenPrefixes(ledger, entries), ...outdated],
  };
}

/** The prefixes that table 142 should have an entry for and has not. */
export function forgottenPrefixes(
  ledger: Ledger,
  entries: readonly TableEntry[],
): readonly Ipv4Cidr[] {
  const memory = memoryOf(entries).map(({ remembered }) => remembered);
  const devices = new Map(
    memory.flatMap((entry) =>
      entry.kind === "route" ? [[entry.route.destination, entry.route.device]] : []
    ),
  );
  const routes = ledger.wishes().map(({ route }) => route)
    .filter(({ destination, device }) => devices.get(destination) !== device)
    .map(({ destination }) => destination);
  const subnet = ledger.nodeSubnet?.subnet;
  const known = subnet === undefined ||
    memory.some((entry) => entry.kind === "subnet" && entry.subnet === subnet);
  const addresses = missingEntries(ledger.pool, entries).map(({ prefix }) => prefix);
  return [...routes, ...(known ? [] : [subnet]), ...new Set(addresses)];
}

function compare(
  ledger: Ledger,
  policy: ClusterPolicy,
  routes: readonly FoundRoute[],
): Pick<Survey, "occupied" | "suspicious"> {
  const occupied = new Set<Ipv4Cidr>();
  const installed = new Set<Ipv4Cidr>();
  for (const route of routes) {
    const { destination, device } = route;
    if (prefixLength(destination) !== policy.nodePrefix) continue;
    // One that nobody asked for is in the way, unless it is just as we would write it.
    const wanted = ledger.get(destination)?.route ??
      (device === undefined ? undefined : { destination, device });
    const plain = wanted !== undefined && isWanted(route, wanted);
    (plain ? installed : occupied).add(destination);
  }
  const suspicious = ledger.wishes().filter(({ route: { destination }, standing }) =>
    !installed.has(destination) || occupied.has(destination) ||
    standing.kind === "troubled"
  ).map(({ route }) => route.destination);
  return { occupied, suspicious: [...new Set([...suspicious, ...ledger.leaving()])] };
}
