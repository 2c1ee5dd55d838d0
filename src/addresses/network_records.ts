import type { Cause } from "../dataplane/dataplane.ts";
import { hostAddress } from "../ipam/address.ts";
import type { Allocation } from "../ipam/allocator.ts";
import { hostPrefix, type Ipv4Cidr } from "../ipam/cidr.ts";
import { describeGatewayTaken } from "../ipam/messages.ts";
import { type ClusterPolicy, isNodeCidr } from "../ipam/policy.ts";
import type { DesiredState } from "../reconcile/desired_state.ts";
import type { WriteOutcome } from "../reconcile/outcome.ts";
import { type AnyKey, loopKey } from "../reconcile/reconciler.ts";
import type { RecordOwner, Restored } from "../reconcile/record_owner.ts";
import { type Plan, planWrite } from "../reconcile/step.ts";
import { countOf } from "../shared/quote.ts";
import type { StateChange, StoredState, SubnetRecord } from "../state/store.ts";
import { type NetworkState, recordsOf } from "./network_state.ts";

const RESTORE: Cause = { rpc: "adopt", peer: "" };

/** Restores and repairs the records of the subnet and of the allocations. */
export class NetworkRecords implements RecordOwner {
  readonly #state: NetworkState;
  readonly #desired: DesiredState;
  readonly #policy: ClusterPolicy;

  constructor(state: NetworkState, desired: DesiredState, policy: ClusterPolicy) {
    this.#state = state;
    this.#desired = desired;
    this.#policy = policy;
  }

  restore(stored: StoredState): Restored {
    const { allocator } = this.#state;
    const stale = this.#restoreSubnet(stored.subnets);
    this.#state.verify(stored);
    const changes: readonly StateChange[] = [
      ...stale.map((record): StateChange => ({ kind: "delete", record })),
      ...this.#state.takeLeftovers(),
    ];
    const { subnet } = this.#state;
    const { gateway, size } = allocator;
    const taken = gateway === undefined ? undefined : allocator.findByAddress(gateway);
    const counted = size === 0 ? [] : [countOf(size, "address", "addresses")];
    return {
      cleanUp: changes.map(writeKey),
      summary: subnet === undefined && size === 0
        ? []
        : [`node subnet ${subnet?.subnet ?? "not configured"}`, ...counted],
      warnings: taken === undefined ? [] : [describeGatewayTaken(taken)],
    };
  }

  owns(prefix: Ipv4Cidr): boolean {
    if (prefix === this.#state.subnet?.subnet) return true;
    const address = hostAddress(prefix);
    return address !== undefined &&
      this.#state.allocator.findByAddress(address) !== undefined;
  }

  suspects(stored: StoredState): readonly Ipv4Cidr[] {
    // Allocated in the store and free here.
    for (const { address } of stored.allocations) {
      if (this.#state.allocator.findByAddress(address) === undefined) {
        this.#state.markUnverified(address);
      }
    }
    return [...this.#plans(stored).keys()];
  }

  missing(stored: StoredState): ReadonlyMap<Ipv4Cidr, Plan> {
    if (!this.#state.isVerified) this.#state.verify(stored);
    return this.#plans(stored);
  }

  /** The later of two subnets counts: a change was interrupted between its two writes. */
  #restoreSubnet(subnets: readonly SubnetRecord[]): readonly SubnetRecord[] {
    const descending = subnets.toSorted((one, other) => other.revision - one.revision);
    const [latest, ...stale] = descending.filter(({ subnet }) =>
      isNodeCidr(subnet, this.#policy)
    );
    // Also one that is left alone: no other may ever look older than it.
    this.#state.restoreSubnet(latest, descending[0]?.revision ?? 0);
    this.#desired.ownSubnet = latest?.subnet;
    return stale;
  }

  #plans({ allocations, subnets }: StoredState): ReadonlyMap<Ipv4Cidr, Plan> {
    const plans = new Map<Ipv4Cidr, Plan>();
    const current = this.#state.subnet?.subnet;
    if (current !== undefined && !subnets.some(({ subnet }) => subnet === current)) {
      const record = this.#state.subnetRecord(current, this.#state.allocator.cursor);
      plans.set(current, { persist: [{ kind: "put", record }] });
    }
    const stored = new Map(allocations.map((found) => [found.address, found]));
    for (const allocation of this.#state.allocator.list()) {
      const changes = missingOf(allocation, stored.get(allocation.address));
      if (changes.length === 0) continue;
      plans.set(hostPrefix(allocation.address), { persist: changes });
    }
    return plans;
  }
}

/**
 * Writes the parts of an allocation that the store lacks. An entry of another program in its
 * place stays there.
 */
function missingOf(
  allocation: Allocation,
  stored: Allocation | undefined,
): readonly StateChange[] {
  const isThere = stored?.key === allocation.key;
  const isNamed = isThere && stored.owner === allocation.owner;
  return recordsOf(allocation)
    .filter(({ kind }) => kind === "owner" ? !isNamed : !isThere)
    .flatMap((record): readonly StateChange[] => [
      { kind: "delete", record },
      { kind: "create", record },
    ]);
}

function writeKey(change: StateChange): AnyKey {
  return loopKey<WriteOutcome>({
    cause: RESTORE,
    device: undefined,
    plan: () => planWrite({ persist: [change] }),
    commit: () => {},
  });
}
