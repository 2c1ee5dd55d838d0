import {
  addressNumber,
  firstAddress,
  type Ipv4Address,
  numberedAddress,
} from "./address.ts";
import { type Ipv4Cidr, prefixLength } from "./cidr.ts";
import type { Owner, OwnerKey } from "./owner.ts";
import { TakenSlots } from "./bitmap.ts";

/** An address and who has it. */
export interface Allocation {
  readonly address: Ipv4Address;
  readonly key: OwnerKey;
  /** Undefined if only its key is still known. */
  readonly owner: Owner | undefined;
}

/** What an owner who asks for an address gets, or why it gets none. */
export type AllocateDecision =
  /** It has this one already, and keeps it. */
  | { readonly kind: "held"; readonly allocation: Allocation }
  | { readonly kind: "fresh"; readonly address: Ipv4Address }
  | AllocateFault;

/** Why nothing is allocated. */
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
    readonly wanted: Ipv4Address;
  }
  | {
    readonly kind: "taken";
    readonly address: Ipv4Address;
    /** Undefined if it is not one of ours. */
    readonly by: Allocation | undefined;
  }
  | { readonly kind: "exhausted"; readonly subnet: Ipv4Cidr };

/** The subnet that addresses are allocated from. */
interface Range {
  readonly subnet: Ipv4Cidr;
  /** The network address as a number. */
  readonly first: number;
  /** The broadcast address, counted from the network address. */
  readonly broadcast: number;
}

/**
 * The addresses of a node: which are free, who has the others, and which comes next. It
 * decides and remembers; to ask the kernel is somebody else's part.
 *
 * Allocation goes round the subnet: on from the address that was given last, so that one
 * just released comes round last. The network address, the broadcast address and the
 * gateway are never given.
 */
export class AddressPool {
  readonly #gatewayIndex: number;
  readonly #byAddress = new Map<Ipv4Address, Allocation>();
  readonly #byKey = new Map<OwnerKey, Allocation>();
  readonly #blocked = new Set<Ipv4Address>();
  #range: Range | undefined;
  #slots = new TakenSlots();
  #cursor = 0;

  /** @param gatewayIndex the gateway, counted from the network address */
  constructor(gatewayIndex: number) {
    this.#gatewayIndex = gatewayIndex;
  }

  /** Allocates from this subnet from now on; what is allocated stays so. */
  configure(subnet: Ipv4Cidr, cursor: number): void {
    const first = addressNumber(firstAddress(subnet));
    const broadcast = 2 ** (32 - prefixLength(subnet)) - 1;
    this.#range = { subnet, first, broadcast };
    this.#cursor = cursor < broadcast ? cursor : 0;
    this.#recount();
  }

  /** Replaces all that is allocated by what the kernel has. */
  reload(allocations: Iterable<Allocation>): void {
    this.#byAddress.clear();
    const before = new Map(this.#byKey);
    this.#byKey.clear();
    for (const allocation of allocations) {
      const { address, key } = allocation;
      this.#byAddress.set(address, allocation);
      // An owner that is found twice keeps the one that it was told of.
      const known = this.#byKey.has(key) && before.get(key)?.address !== address;
      if (!known) this.#byKey.set(key, allocation);
    }
    this.#recount();
  }

  /** What to answer to an owner; nothing is changed. */
  decide(key: OwnerKey, wanted?: Ipv4Address): AllocateDecision {
    const held = this.#byKey.get(key);
    if (held !== undefined && (wanted === undefined || wanted === held.address)) {
      return { kind: "held", allocation: held };
    }
    const range = this.#range;
    if (range === undefined) return { kind: "no-subnet" };
    if (wanted === undefined) return this.#next(range);
    const fault = this.#rangeFault(range, wanted);
    if (fault !== undefined) return fault;
    if (held !== undefined) {
      return { kind: "holds-another", held: held.address, wanted };
    }
    return this.#slots.has(addressNumber(wanted) - range.first)
      ? { kind: "taken", address: wanted, by: this.#byAddress.get(wanted) }
      : { kind: "fresh", address: wanted };
  }

  /** Gives a free address to an owner; the next one is looked for after it. */
  take(allocation: Allocation): void {
    this.name(allocation);
    this.#mark(allocation.address);
    const slot = this.#slot(allocation.address);
    if (slot !== undefined) this.#cursor = slot;
  }

  /** Tells the name of an owner of whom only the key was known. */
  name(allocation: Allocation): void {
    this.#byAddress.set(allocation.address, allocation);
    this.#byKey.set(allocation.key, allocation);
  }

  /** Takes an address back. */
  drop({ address, key }: Allocation): void {
    this.#byAddress.delete(address);
    if (this.#byKey.get(key)?.address === address) this.#byKey.delete(key);
    const slot = this.#slot(address);
    if (slot !== undefined && slot !== this.#gatewayIndex) this.#slots.free(slot);
  }

  /** Never gives this address: somebody else has put it where our memory is. */
  block(address: Ipv4Address): void {
    this.#blocked.add(address);
    this.#mark(address);
  }

  /** Who has an address. */
  at(address: Ipv4Address): Allocation | undefined {
    return this.#byAddress.get(address);
  }

  /** What an owner has. */
  of(key: OwnerKey): Allocation | undefined {
    return this.#byKey.get(key);
  }

  /** All that is allocated, in ascending order. */
  list(): readonly Allocation[] {
    return [...this.#byAddress.values()]
      .map((allocation) => ({ allocation, at: addressNumber(allocation.address) }))
      .sort((one, other) => one.at - other.at)
      .map(({ allocation }) => allocation);
  }

  /** How many addresses are allocated. */
  get size(): number {
    return this.#byAddress.size;
  }

  /** How many more can be. */
  get free(): number {
    return this.#range === undefined
      ? 0
      : Math.max(0, this.#range.broadcast - 1 - this.#slots.count);
  }

  /** The address given last, counted from the network address; 0 before the first. */
  get cursor(): number {
    return this.#cursor;
  }

  /** The gateway's address; undefined while there is no subnet. */
  get gateway(): Ipv4Address | undefined {
    return this.#range === undefined
      ? undefined
      : numberedAddress(this.#range.first + this.#gatewayIndex);
  }

  #next({ broadcast, first, subnet }: Range): AllocateDecision {
    const after = this.#slots.nextFree(this.#cursor + 1);
    const slot = after < broadcast ? after : this.#slots.nextFree(1);
    return slot < broadcast
      ? { kind: "fresh", address: numberedAddress(first + slot) }
      : { kind: "exhausted", subnet };
  }

  #rangeFault(range: Range, address: Ipv4Address): AllocateFault | undefined {
    const slot = addressNumber(address) - range.first;
    if (slot < 0 || slot > range.broadcast) {
      return { kind: "outside", address, subnet: range.subnet };
    }
    if (slot === 0) return { kind: "reserved", address, role: "network address" };
    if (slot === range.broadcast) {
      return { kind: "reserved", address, role: "broadcast address" };
    }
    return slot === this.#gatewayIndex
      ? { kind: "reserved", address, role: "gateway" }
      : undefined;
  }

  /** Where an address stands in the subnet, if it can be allocated there. */
  #slot(address: Ipv4Address): number | undefined {
    if (this.#range === undefined) return undefined;
    const slot = addressNumber(address) - this.#range.first;
    return slot > 0 && slot < this.#range.broadcast ? slot : undefined;
  }

  #mark(address: Ipv4Address): void {
    const slot = this.#slot(address);
    if (slot !== undefined) this.#slots.take(slot);
  }

  #recount(): void {
    this.#slots = new TakenSlots();
    this.#slots.take(this.#gatewayIndex);
    for (const address of this.#byAddress.keys()) this.#mark(address);
    for (const address of this.#blocked) this.#mark(address);
  }
}
