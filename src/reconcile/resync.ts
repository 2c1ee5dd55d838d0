import { type Ipv4Cidr, prefixLength } from "../ipam/cidr.ts";
import type { ClusterPolicy } from "../ipam/policy.ts";
import {
  answerOf,
  type Dataplane,
  type OperationResult,
  type TableRoute,
} from "../dataplane/dataplane.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { isWanted } from "./decide.ts";
import { type KernelRoute, TABLE_MAIN } from "../routing/kernel_route.ts";
import { missingEntries, strangers } from "../addresses/address_records.ts";
import { outdatedConfirmations } from "./confirmations.ts";
import type { Ledger } from "./desired_state.ts";
import { memoryOf } from "../state/table142_store.ts";

/** What a look at everything found that is worth a closer one. */
export interface Survey {
  /** Destinations with a route that is not the one we would write. */
  readonly occupied: ReadonlySet<Ipv4Cidr>;
  /** Destinations of which the ledger does not know that they are as it has them. */
  readonly suspicious: readonly Ipv4Cidr[];
  /** Prefixes whose entry in table 142 is gone or says something else. */
  readonly forgotten: readonly Ipv4Cidr[];
  /** A look-up may miss a route of the main table. */
  readonly rulesMayHide: boolean;
}

/**
 * Looks at all that is ours and all that lies in the cluster's prefix. It runs beside
 * the queue, so what it finds may be out of date: it only says where to look.
 *
 * @returns why the kernel could not be read, if it could not
 */
export async function survey(
  dataplane: Dataplane,
  ledger: Ledger,
  policy: ClusterPolicy,
): Promise<Result<Survey, string>> {
  const exchange = await dataplane.dump([
    { kind: "own-routes" },
    { kind: "routes-within", cluster: policy.clusterCidr },
    { kind: "rules" },
  ]);
  if (exchange.kind === "lost") return err(exchange.why);
  const { results } = exchange;
  const own = answerOf(results[0], "table");
  const within = answerOf(results[1], "routes");
  const rules = answerOf(results[2], "rules");
  if (own === undefined || within === undefined) {
    return err(describeFailure(results));
  }
  const entries = own.routes;
  for (const address of strangers(ledger.pool, entries)) ledger.doubtful.add(address);
  const outdated = outdatedConfirmations(ledger, entries).map(({ prefix }) => prefix);
  ledger.ageUnconfirmed();
  const routes = within.routes.filter((route) => route.table === TABLE_MAIN);
  return ok({
    ...compare(ledger, policy, routes),
    forgotten: [...forgottenPrefixes(ledger, entries), ...outdated],
    rulesMayHide: rules?.hiding ?? true,
  });
}

function describeFailure(results: readonly OperationResult[]): string {
  const failed = results.find((result) => !result.ok);
  return failed?.ok === false ? failed.failure.words : "no answer";
}

/** The prefixes that table 142 should have an entry for and has not. */
export function forgottenPrefixes(
  ledger: Ledger,
  entries: readonly TableRoute[],
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
  routes: readonly KernelRoute[],
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
