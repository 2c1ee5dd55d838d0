import { answerOf, type Cause, type TableRoute } from "../dataplane/dataplane.ts";
import { hostPrefix, type Ipv4Cidr } from "../ipam/cidr.ts";
import { type ClusterPolicy, isNodeCidr } from "../ipam/policy.ts";
import type { Logger } from "../observability/logger.ts";
import { TABLE_MAIN } from "../routing/kernel_route.ts";
import { countOf, listFew } from "../shared/quote.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { StateStore } from "../state/store.ts";
import { describeFailure, type WriteOutcome } from "./outcome.ts";
import { loopKey, type Reconciler } from "./reconciler.ts";
import { type Plan, planWrite } from "./step.ts";

const EXIT: Cause = { rpc: "exit", peer: "" };

/** The dependencies of the removal at the exit. */
export interface ShutdownParts {
  readonly reconciler: Reconciler;
  readonly store: StateStore;
  readonly policy: ClusterPolicy;
  readonly logger: Logger;
}

/** One record or route to delete. */
interface Removal {
  readonly prefix: Ipv4Cidr;
  readonly plan: Plan;
  readonly isRoute: boolean;
}

/**
 * Removes what a start would restore, and only that: routes and their records. Allocated
 * addresses stay, and the subnet with them: containers outlive the sidecar. The log says
 * what the kernel shows afterwards.
 */
export async function removeRoutes(parts: ShutdownParts): Promise<void> {
  const { logger, reconciler } = parts;
  const before = await planRemovals(parts);
  if (!before.ok) {
    return logger.log("error", `Cannot remove routes on exit: ${before.fault}`);
  }
  const outcomes: WriteOutcome[] = [];
  await reconciler.reconcile(before.value.map(({ plan }) =>
    loopKey<WriteOutcome>({
      cause: EXIT,
      device: undefined,
      plan: () => planWrite(plan),
      commit: (outcome) => void outcomes.push(outcome),
    })
  ));
  const after = await planRemovals(parts);
  if (!after.ok) {
    return logger.log("error", `Some routes may be left after exit: ${after.fault}`);
  }
  const all = countRoutes(before.value);
  const left = after.value;
  if (left.length === 0) {
    return logger.log("info", `Removed ${countOf(all, "route")} on exit`);
  }
  const gone = all - countRoutes(left);
  const why = describeLeft(left, outcomes);
  logger.log("error", `Removed ${gone} of ${countOf(all, "route")} on exit. ${why}`);
}

/** The records first, as for every route that is to go. */
async function planRemovals(
  { policy, reconciler, store }: ShutdownParts,
): Promise<Result<readonly Removal[], string>> {
  const reply = await reconciler.read([{ command: { kind: "own-routes" } }]);
  if (reply.kind === "lost") return err(reply.why);
  const [result] = reply.results;
  const ours = answerOf(result, "table")?.routes;
  if (ours === undefined) {
    return err(result?.ok === false ? result.failure.message : "no answer");
  }
  const { allocations, fragments, routes, subnets } = store.load(ours);
  const isInside = ({ prefix }: Removal) => isNodeCidr(prefix, policy);
  const records = routes.map((record) => removal(record.route.destination, record));
  const rest = allocations.length > 0 ? [] : [
    ...subnets.map((record) => removal(record.subnet, record)).filter(isInside),
    ...fragments.map((record) => removal(hostPrefix(record.address), record)),
  ];
  return ok([
    ...records.filter(isInside),
    ...rest,
    ...ours.filter(({ route }) => route.table === TABLE_MAIN).map(routeRemoval)
      .filter(isInside),
  ]);
}

type DeletedRecord = Extract<
  NonNullable<Plan["persist"]>[number],
  { readonly kind: "delete" }
>["record"];

function removal(prefix: Ipv4Cidr, record: DeletedRecord): Removal {
  return { prefix, isRoute: false, plan: { persist: [{ kind: "delete", record }] } };
}

function routeRemoval({ route }: TableRoute): Removal {
  const plan: Plan = { cleanUp: [{ kind: "delete-route", route }] };
  return { prefix: route.destination, isRoute: true, plan };
}

function countRoutes(removals: readonly Removal[]): number {
  return removals.filter(({ isRoute }) => isRoute).length;
}

function describeLeft(
  left: readonly Removal[],
  outcomes: readonly WriteOutcome[],
): string {
  const named = listFew([...new Set(left.map(({ prefix }) => prefix))]);
  for (const outcome of outcomes) {
    if (outcome.kind !== "written") return describeFailure(named, outcome);
  }
  return `Another process put back: ${named}`;
}
