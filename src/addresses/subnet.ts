import { contains, hostPrefix, type Ipv4Cidr } from "../ipam/cidr.ts";
import { describeSubnetInUse } from "../ipam/messages.ts";
import type { Cause, Dataplane, Operation } from "../dataplane/dataplane.ts";
import type { Refusal } from "../reconcile/node_service.ts";
import { subnetEntry } from "../state/table142_codec.ts";
import { absentTask } from "../reconcile/absent.ts";
import { freshenPool } from "./address_records.ts";
import { converge } from "../reconcile/converge.ts";
import { insist } from "../reconcile/exchanges.ts";
import type { AbsentReached, Trouble } from "../reconcile/goal.ts";
import { type CallTarget, grpcurlCommand } from "../shared/grpcurl.ts";
import type { Ledger } from "../reconcile/desired_state.ts";
import { lostBecause } from "../reconcile/observe.ts";
import { describeTrouble, refuse } from "../reconcile/refusal.ts";
import type { Snapshot } from "../reconcile/kernel_cache.ts";

/** Whether the node's subnet is another one than before, or why it is not set. */
export type SubnetOutcome =
  | { readonly kind: "configured"; readonly changed: boolean }
  | Refusal;

/** What a change of the subnet works with. */
export interface SubnetParts {
  readonly dataplane: Dataplane;
  readonly ledger: Ledger;
  readonly snapshot: Snapshot;
  /** How the addresses that are in the way can be released. */
  readonly target: CallTarget;
}

/**
 * Makes `subnet` the node's own, unless addresses of another one are allocated: a route
 * of ours to it goes first (local wins), then table 142 is told. The same subnet again
 * writes the same entry, which the kernel takes as no change, and which puts back one
 * that somebody deleted.
 */
export async function configureSubnet(
  { dataplane, ledger, snapshot, target }: SubnetParts,
  subnet: Ipv4Cidr,
  cause: Cause,
): Promise<SubnetOutcome> {
  const before = ledger.nodeSubnet;
  const changed = before?.subnet !== subnet;
  const certain = await freshenPool(dataplane, ledger, cause);
  if (!certain.ok) {
    return refuse(describeTrouble(subnet, { kind: "lost", why: certain.fault }));
  }
  const inUse = describeInUse(ledger, subnet, target);
  if (inUse !== undefined) return refuse(inUse);
  const yielded = await yieldDestination(dataplane, ledger, snapshot, subnet, cause);
  if (yielded.kind === "failed" || yielded.kind === "lost") {
    return refuse(describeTrouble(subnet, yielded));
  }
  const revision = nextRevision(ledger, subnet);
  const cursor = changed ? 0 : ledger.pool.cursor;
  const operations: Operation[] = [{
    command: { kind: "put-entry", entry: subnetEntry(subnet, revision, cursor) },
    cause,
  }];
  if (before !== undefined && changed) {
    const entry = subnetEntry(before.subnet, before.revision);
    operations.push({ command: { kind: "delete-entry", entry }, cause });
  }
  const written = await write(dataplane, operations);
  if (written !== undefined) return refuse(describeTrouble(subnet, written));
  ledger.nodeSubnet = { subnet, revision };
  if (changed) ledger.pool.configure(subnet, 0);
  return { kind: "configured", changed };
}

/**
 * The revision to write a subnet with: above every entry that a lost reply may have
 * left, or a restart would believe that.
 */
export function nextRevision(ledger: Ledger, subnet: Ipv4Cidr): number {
  const { highestRevision, nodeSubnet } = ledger;
  const same = nodeSubnet?.subnet === subnet && nodeSubnet.revision === highestRevision;
  ledger.highestRevision = same ? highestRevision : highestRevision + 1;
  return ledger.highestRevision;
}

/** Why addresses forbid the subnet; undefined if they do not. */
function describeInUse(
  { nodeSubnet, pool }: Ledger,
  subnet: Ipv4Cidr,
  target: CallTarget,
): string | undefined {
  if (nodeSubnet?.subnet === subnet) return undefined;
  const all = pool.list();
  // Without a subnet its entry was lost, or is of another cluster CIDR.
  const allocations = nodeSubnet === undefined
    ? all.filter(({ address }) => !contains(subnet, hostPrefix(address)))
    : all;
  const [first] = allocations;
  if (first === undefined) return undefined;
  const release = grpcurlCommand(
    target,
    "quilt.sidecar.v1.AddressService/ReleaseAddress",
    { address: first.address },
  );
  return describeSubnetInUse({
    from: nodeSubnet?.subnet,
    to: subnet,
    allocations,
    release,
  });
}

/** Writes the subnet's entry again; undefined once the kernel has it. */
export async function rememberSubnet(
  dataplane: Dataplane,
  { nodeSubnet, pool }: Ledger,
  cause: Cause,
): Promise<Trouble | undefined> {
  if (nodeSubnet === undefined) return undefined;
  const entry = subnetEntry(nodeSubnet.subnet, nodeSubnet.revision, pool.cursor);
  return await write(dataplane, [{ command: { kind: "put-entry", entry }, cause }]);
}

async function yieldDestination(
  dataplane: Dataplane,
  ledger: Ledger,
  snapshot: Snapshot,
  destination: Ipv4Cidr,
  cause: Cause,
): Promise<AbsentReached> {
  const goal = ledger.absentGoal(destination, "ours", cause);
  const { promise, resolve } = Promise.withResolvers<AbsentReached>();
  await converge(dataplane, snapshot, [absentTask(goal, snapshot, resolve)]);
  const reached = await promise;
  if (reached.kind === "removed" || reached.kind === "absent") {
    ledger.remove(destination);
  }
  return reached;
}

/** Undefined once all is written; writing the same twice does no harm. */
async function write(
  dataplane: Dataplane,
  operations: readonly Operation[],
): Promise<Trouble | undefined> {
  const written = await insist<{ readonly kind: "written" } | Trouble>(async () => {
    const reply = await dataplane.run(operations);
    if (reply.kind !== "answered") return lostBecause(reply);
    for (const result of reply.results) {
      if (result.ok || result.failure.kind === "absent") continue;
      return { kind: "failed", failure: result.failure };
    }
    return { kind: "written" };
  });
  return written.kind === "written" ? undefined : written;
}
