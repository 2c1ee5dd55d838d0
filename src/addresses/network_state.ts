/**
 * The node's network and its allocations, as far as this process knows: a copy, of which
 * the state store has the original.
 *
 * This folder may import: ipam, shared, the ports of the dataplane and of the state store,
 * and the loop of reconcile. It knows nothing of what is in reconcile's desired state but
 * which subnet is the node's own.
 */
import type { Ipv4Address } from "../ipam/address.ts";
import { AddressAllocator, type Allocation } from "../ipam/allocator.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type {
  AddressRecord,
  FragmentRecord,
  OwnerRecord,
  StateChange,
  StateStore,
  StoredState,
  SubnetRecord,
} from "../state/store.ts";
import type { NodeNetwork } from "./ports.ts";

/** The node's subnet with a number that grows with each change of it. */
export interface NodeSubnet {
  readonly subnet: Ipv4Cidr;
  readonly revision: number;
}

/** What calls about addresses decide upon. */
export class NetworkState {
  readonly allocator: AddressAllocator;
  readonly #store: StateStore;
  readonly #clusterCidr: Ipv4Cidr;
  /** Of these the store may have something else than the allocator. */
  readonly #unverified = new Set<Ipv4Address>();
  /** The store refused a record for these, and it is not known yet whose it has. */
  readonly #contested = new Set<Ipv4Address>();
  /** The names without an allocation at the last read of the store. */
  #fragments: readonly FragmentRecord[] = [];
  #subnet: NodeSubnet | undefined;
  /** The highest revision that the store may have: one whose write was lost counts. */
  #highestRevision = 0;

  /** @param gatewayIndex the offset of the gateway from the network address */
  constructor(store: StateStore, clusterCidr: Ipv4Cidr, gatewayIndex: number) {
    this.#store = store;
    this.#clusterCidr = clusterCidr;
    this.allocator = new AddressAllocator(gatewayIndex);
  }

  /** Undefined until ConfigureNodeSubnet has set it. */
  get subnet(): NodeSubnet | undefined {
    return this.#subnet;
  }

  /** False if the store has to be read before anything is decided. */
  get isVerified(): boolean {
    return this.#unverified.size === 0;
  }

  /** The network as clients see it. */
  get network(): NodeNetwork {
    const { gateway } = this.allocator;
    const configured = this.#subnet === undefined || gateway === undefined
      ? undefined
      : { ...this.#subnet, gateway };
    return { clusterCidr: this.#clusterCidr, configured };
  }

  /** As ListAddresses counts them; undefined while no subnet is configured. */
  get counts(): { readonly used: number; readonly free: number } | undefined {
    const { free, size: used } = this.allocator;
    return this.#subnet === undefined ? undefined : { used, free };
  }

  /** The record of this address in the store is unknown from now on. */
  markUnverified(address: Ipv4Address): void {
    this.#unverified.add(address);
  }

  /** The store refused a record for this address, because it has one already. */
  markContested(address: Ipv4Address): void {
    this.#unverified.add(address);
    this.#contested.add(address);
  }

  /**
   * Takes the allocations of the store. Verified ones stay unchanged, because another program
   * may have emptied the store in the meantime.
   */
  verify({ allocations, fragments }: StoredState): void {
    const { allocator } = this;
    const merged = new Map(allocator.list().map((known) => [known.address, known]));
    for (const address of this.#unverified) merged.delete(address);
    for (const found of allocations) {
      if (!merged.has(found.address)) merged.set(found.address, found);
    }
    allocator.replaceAll(merged.values());
    this.#fragments = fragments;
    for (const address of this.#contested) {
      if (allocator.findByAddress(address) === undefined) allocator.exclude(address);
    }
    this.#contested.clear();
    this.#unverified.clear();
  }

  /** Deletes pieces of names whose allocation or release was interrupted. */
  takeLeftovers(): readonly StateChange[] {
    const fragments = this.#fragments;
    this.#fragments = [];
    // A name may have been written again since: only what still says the same goes.
    const leftovers = fragments.filter((fragment) => {
      const owner = this.allocator.findByAddress(fragment.address)?.owner;
      return owner === undefined || !this.#store.isPartOf(owner, fragment);
    });
    return leftovers.map((record) => ({ kind: "delete-equal", record }));
  }

  /**
   * The record to write a subnet with. Its revision is above that of every record which a
   * lost reply may have left, or a restart would believe that one.
   */
  subnetRecord(subnet: Ipv4Cidr, cursor: number): SubnetRecord {
    const isLatest = this.#subnet?.subnet === subnet &&
      this.#subnet.revision === this.#highestRevision;
    if (!isLatest) this.#highestRevision += 1;
    return { kind: "subnet", subnet, revision: this.#highestRevision, cursor };
  }

  /** The store has this record of the subnet now. */
  commitSubnet({ revision, subnet }: SubnetRecord): void {
    if (this.#subnet?.subnet !== subnet) this.allocator.configure(subnet, 0);
    this.#subnet = { subnet, revision };
  }

  /** Takes the subnet at the start. */
  restoreSubnet(latest: SubnetRecord | undefined, highestRevision: number): void {
    this.#highestRevision = highestRevision;
    if (latest === undefined) return;
    const { cursor, revision, subnet } = latest;
    this.#subnet = { subnet, revision };
    this.allocator.configure(subnet, cursor);
  }
}

/** All records of an allocation; the one that makes it an allocation comes last. */
export function recordsOf(
  { address, key, owner }: Allocation,
): readonly (OwnerRecord | AddressRecord)[] {
  const name: readonly OwnerRecord[] = owner === undefined
    ? []
    : [{ kind: "owner", address, owner }];
  return [...name, { kind: "address", address, key }];
}
