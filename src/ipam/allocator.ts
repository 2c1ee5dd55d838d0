import {
  addressFromNumber,
  addressToNumber,
  firstAddress,
  type Ipv4Address,
} from "./address.ts";
import { type Ipv4Cidr, prefixLength } from "./cidr.ts";
import type { Owner, OwnerKey } from "./owner.ts";
import { Bitmap } from "./bitmap.ts";

/** An address and its owner. */
export interface Allocation {
  readonly address: Ipv4Address;
  readonly key: OwnerKey;
  /** Undefined if the name was lost and only the key is known. */
  readonly owner: Owner | undefined;
}

/** The address that an owner gets, or the reason why it gets none. */
export type AllocateDecision =
  /** The owner has this address already, and keeps it. */
  | { readonly kind: "held"; readonly allocation: Allocation }
  | { readonly kind: "fresh"; readonly address: Ipv4Address }
  | AllocateFault;

/** The reason why no address is allocated. */
export type AllocateFault =
  | { readonly kind: "no-subnet" }
  | {
    readonly kind: "outside";
    readonly address: Ipv4Address;
    readonly subnet: Ipv4Cidr;
  }
  | {
    readonly kind: "reserved";
    readonly address: Ipv4Address;
    readonly role: "network address" | "broadcast address" | "gateway";
  }
  | {
    readonly kind: "holds-another";
    readonly held: Ipv4Address;
    readonly requested: Ipv4Address;
  }
  | {
    readonly kind: "taken";
    readonly address: Ipv4Address;
    /** Undefined if the address is excluded instead of allocated. */
    readonly by: Allocation | undefined;
  }
  | { readonly kind: "exhausted"; readonly subnet: Ipv4Cidr };

/** The subnet from which addresses are allocated. */
interface Range {
  readonly subnet: Ipv4Cidr;
  /** The network address as a number. */
  readonly first: number;
  /** The offset of the broadcast address from the network address. */
  readonly broadcast: number;
}

/**
 * Allocates the addresses of a node's subnet in memory. It does no I/O: its caller writes
 * each change to the state store.
 *
 * Allocation is round-robin: the search begins behind the address that was allocated
 * last, so that an address is reused as late as possible after its release. The network
 * address, the broadcast address and the gateway are never allocated.
 */
export class AddressAllocator {
  readonly #gatewayIndex: number;
  readonly #byAddress = new Map<Ipv4Address, Allocation>();
  readonly #byOwner = new Map<OwnerKey, Allocation>();
  readonly #excluded = new Set<Ipv4Address>();
  #range: Range | undefined;
  /** The offsets that cannot be allocated now. */
  #used = new Bitmap();
  #cursor = 0;

  /** @param gatewayIndex the offset of the gateway from the network address */
  constructor(gatewayIndex: number) {
    this.#gatewayIndex = gatewayIndex;
  }

  /**
   * Allocates from this subnet from now on; existing allocations stay.
   *
   * @param cursor where {@linkcode cursor} was when this subnet was used last, or 0
   */
  configure(subnet: Ipv4Cidr, cursor: number): void {
    const first = addressToNumber(firstAddress(subnet));
    const broadcast = 2 ** (32 - prefixLength(subnet)) - 1;
    this.#range = { subnet, first, broadcast };
    this.#cursor = cursor < broadcast ? cursor : 0;
    this.#rebuildUsed();
  }

  /** Replaces all allocations by those that the state store has. */
  replaceAll(allocations: Iterable<Allocation>): void {
    this.#byAddress.clear();
    const before = new Map(this.#byOwner);
    this.#byOwner.clear();
    for (const allocation of allocations) {
      const { address, key } = allocation;
      this.#byAddress.set(address, allocation);
      // If an owner has two addresses, it keeps the one that it was answered with.
      const known = this.#byOwner.has(key) && before.get(key)?.address !== address;
      if (!known) this.#byOwner.set(key, allocation);
    }
    this.#rebuildUsed();
  }

  /**
   * Chooses the address for an owner and changes nothing.
   *
   * @param requested the address that the owner asks for; without it, any
   */
  choose(key: OwnerKey, requested?: Ipv4Address): AllocateDecision {
    const held = this.#byOwner.get(key);
    if (held !== undefined && (requested === undefined || requested === held.address)) {
      return { kind: "held", allocation: held };
    }
    const range = this.#range;
    if (range === undefined) return { kind: "no-subnet" };
    if (requested === undefined) return this.#nextFree(range);
    const fault = this.#rangeFault(range, requested);
    if (fault !== undefined) return fault;
    if (held !== undefined) {
      return { kind: "holds-another", held: held.address, requested };
    }
    return this.#used.has(addressToNumber(requested) - range.first)
      ? { kind: "taken", address: requested, by: this.#byAddress.get(requested) }
      : { kind: "fresh", address: requested };
  }

  /** Allocates a free address, and moves the cursor to it. */
  allocate(allocation: Allocation): void {
    this.setOwner(allocation);
    this.#markUsed(allocation.address);
    const offset = this.#offset(allocation.address);
    if (offset !== undefined) this.#cursor = offset;
  }

  /** Sets the name of an owner of whom only the key was known. */
  setOwner(allocation: Allocation): void {
    this.#byAddress.set(allocation.address, allocation);
    this.#byOwner.set(allocation.key, allocation);
  }

  /** Makes the address free again; the gateway's stays reserved. */
  release({ address, key }: Allocation): void {
    this.#byAddress.delete(address);
    if (this.#byOwner.get(key)?.address === address) this.#byOwner.delete(key);
    const offset = this.#offset(address);
    if (offset !== undefined && offset !== this.#gatewayIndex) this.#used.clear(offset);
  }

  /**
   * Never allocates this address, because another process has written an entry for it
   * to the state store.
   */
  exclude(address: Ipv4Address): void {
    this.#excluded.add(address);
    this.#markUsed(address);
  }

  /** The allocation of an address. */
  findByAddress(address: Ipv4Address): Allocation | undefined {
    return this.#byAddress.get(address);
  }

  /** The allocation of an owner. */
  findByOwner(key: OwnerKey): Allocation | undefined {
    return this.#byOwner.get(key);
  }

  /** All allocations, in ascending order of address. */
  list(): readonly Allocation[] {
    return [...this.#byAddress.values()]
      .map((allocation) => ({ allocation, at: addressToNumber(allocation.address) }))
      .sort((one, other) => one.at - other.at)
      .map(({ allocation }) => allocation);
  }

  /** How many addresses are allocated. */
  get size(): number {
    return this.#byAddress.size;
  }

  /** How many addresses can still be allocated. */
  get free(): number {
    return this.#range === undefined
      ? 0
      : Math.max(0, this.#range.broadcast - 1 - this.#used.count);
  }

  /** The offset of the address that was allocated last; 0 before the first. */
  get cursor(): number {
    return this.#cursor;
  }

  /** The gateway's address; undefined while there is no subnet. */
  get gateway(): Ipv4Address | undefined {
    return this.#range === undefined
      ? undefined
      : addressFromNumber(this.#range.first + this.#gatewayIndex);
  }

  #nextFree({ broadcast, first, subnet }: Range): AllocateDecision {
    const after = this.#used.nextClear(this.#cursor + 1);
    const offset = after < broadcast ? after : this.#used.nextClear(1);
    return offset < broadcast
      ? { kind: "fresh", address: addressFromNumber(first + offset) }
      : { kind: "exhausted", subnet };
  }

  #rangeFault(range: Range, address: Ipv4Address): AllocateFault | undefined {
    const offset = addressToNumber(address) - range.first;
    if (offset < 0 || offset > range.broadcast) {
      return { kind: "outside", address, subnet: range.subnet };
    }
    if (offset === 0) return { kind: "reserved", address, role: "network address" };
    if (offset === range.broadcast) {
      return { kind: "reserved", address, role: "broadcast address" };
    }
    return offset === this.#gatewayIndex
      ? { kind: "reserved", address, role: "gateway" }
      : undefined;
  }

  /** The offset of an address from the network address, if it is a host address. */
  #offset(address: Ipv4Address): number | undefined {
    if (this.#range === undefined) return undefined;
    const offset = addressToNumber(address) - this.#range.first;
    return offset > 0 && offset < this.#range.broadcast ? offset : undefined;
  }

  #markUsed(address: Ipv4Address): void {
    const offset = this.#offset(address);
    if (offset !== undefined) this.#used.set(offset);
  }

  #rebuildUsed(): void {
    this.#used = new Bitmap();
    this.#used.set(this.#gatewayIndex);
    for (const address of this.#byAddress.keys()) this.#markUsed(address);
    for (const address of this.#excluded) this.#markUsed(address);
  }
}
