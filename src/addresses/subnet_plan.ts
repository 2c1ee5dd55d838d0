import { contains, hostPrefix, type Ipv4Cidr } from "../ipam/cidr.ts";
import { describeSubnetInUse } from "../ipam/messages.ts";
import type { DesiredState } from "../reconcile/desired_state.ts";
import type { KernelCache } from "../reconcile/kernel_cache.ts";
import {
  type AbsentOutcome,
  describeFailure,
  type Failed,
  isGone,
} from "../reconcile/outcome.ts";
import { planAbsent } from "../reconcile/plan.ts";
import { type Refusal, refuse } from "../reconcile/ports.ts";
import { andThen, type Apply, done, faultOf, type Step } from "../reconcile/step.ts";
import { type CallTarget, grpcurlCommand } from "../shared/grpcurl.ts";
import type { Lost } from "../dataplane/dataplane.ts";
import { verified } from "./address_plan.ts";
import type { NetworkState } from "./network_state.ts";

/** Whether the node's subnet is another one than before, or why it is not set. */
export type SubnetOutcome =
  | { readonly kind: "configured"; readonly changed: boolean }
  | Refusal;

/** The dependencies of the change of the subnet. */
export interface SubnetParts {
  readonly state: NetworkState;
  readonly desired: DesiredState;
  readonly cache: KernelCache;
  /** How the addresses that are in the way can be released. */
  readonly target: CallTarget;
}

/**
 * Makes `subnet` the node's own, unless addresses of another one are allocated: a route
 * of ours to it goes first (local wins), then the store is written. The same subnet again
 * writes the same record, which the kernel takes as no change, and which puts back one
 * that another process deleted.
 */
export function planSubnet(
  parts: SubnetParts,
  subnet: Ipv4Cidr,
): Step<SubnetOutcome> {
  const { cache, desired, state } = parts;
  const lost = (why?: string): Refusal =>
    failed(subnet, {
      kind: "lost",
      why: why ?? "the addresses change faster than they can be read",
    });
  return verified<SubnetOutcome>(state, () => {
    const inUse = describeInUse(parts, subnet);
    if (inUse !== undefined) return done(refuse(inUse));
    const goal = desired.absentGoal(subnet, "ours");
    return andThen<AbsentOutcome, SubnetOutcome>(
      planAbsent(goal, { clear: cache.isClear(subnet) }),
      (outcome) => {
        if (!isGone(outcome)) return done(failed(subnet, outcome));
        desired.delete(subnet);
        return write(state, subnet);
      },
      (outcome) => isGone(outcome) ? lost() : failed(subnet, outcome),
    );
  }, lost);
}

function write(state: NetworkState, subnet: Ipv4Cidr): Step<SubnetOutcome> {
  const before = state.subnet;
  const changed = before?.subnet !== subnet;
  const record = state.subnetRecord(subnet, changed ? 0 : state.allocator.cursor);
  const outcome: SubnetOutcome = { kind: "configured", changed };
  const step: Apply<SubnetOutcome> = {
    kind: "apply",
    plan: {
      persist: [{ kind: "put", record }],
      cleanUp: before === undefined || !changed
        ? []
        : [{ kind: "delete", record: { kind: "subnet", cursor: 0, ...before } }],
    },
    expected: outcome,
    // Twice does no harm.
    lost: () => step,
    giveUp: (why = "it was never sent") => failed(subnet, { kind: "lost", why }),
    then: ({ cleanUp, persist }) => {
      const failure = faultOf([...persist, ...cleanUp]);
      if (failure !== undefined) {
        return done(failed(subnet, { kind: "failed", failure }));
      }
      state.commitSubnet(record);
      return done(outcome);
    },
  };
  return step;
}

function failed(subnet: Ipv4Cidr, outcome: Failed | Lost): Refusal {
  return refuse(describeFailure(subnet, outcome));
}

/** Why addresses forbid the subnet; undefined if they do not. */
function describeInUse(
  { state: { allocator, subnet: current }, target }: SubnetParts,
  subnet: Ipv4Cidr,
): string | undefined {
  if (current?.subnet === subnet) return undefined;
  const all = allocator.list();
  // Without a subnet its record was lost, or is of another cluster CIDR.
  const allocations = current === undefined
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
    from: current?.subnet,
    to: subnet,
    allocations,
    release,
  });
}
