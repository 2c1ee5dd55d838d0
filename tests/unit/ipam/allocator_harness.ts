import assert from "node:assert/strict";
import { type Ipv4Address, parseAddress } from "../../../src/ipam/address.ts";
import { type Ipv4Cidr, parseCidr } from "../../../src/ipam/cidr.ts";
import {
  type Owner,
  type OwnerKey,
  ownerKey,
  parseOwner,
} from "../../../src/ipam/owner.ts";
import {
  AddressAllocator,
  type AllocateDecision,
} from "../../../src/ipam/allocator.ts";

/** A CIDR known to be good. */
export function cidr(text: string): Ipv4Cidr {
  const parsed = parseCidr(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

/** An address known to be good. */
export function address(text: string): Ipv4Address {
  const checked = parseAddress(text);
  assert.ok(checked.ok, text);
  return checked.value;
}

/** An owner known to be good. */
export function owner(text: string): Owner {
  const checked = parseOwner(text);
  assert.ok(checked.ok, text);
  return checked.value;
}

/** A different key for each name; the hash of the real one does not matter here. */
export function keyOf(name: string): OwnerKey {
  return ownerKey([...name].map((letter) => letter.charCodeAt(0)));
}

/** An allocator that is configured and empty. */
export function allocatorOf(
  subnet: string,
  gatewayIndex = 1,
  cursor = 0,
): AddressAllocator {
  const allocator = new AddressAllocator(gatewayIndex);
  allocator.configure(cidr(subnet), cursor);
  return allocator;
}

/** Chooses an address, and allocates it if it is free. */
export function allocate(
  allocator: AddressAllocator,
  name: string,
  requested?: string,
): AllocateDecision {
  const key = keyOf(name);
  const decision = allocator.choose(
    key,
    requested === undefined ? requested : address(requested),
  );
  if (decision.kind === "fresh") {
    allocator.allocate({ address: decision.address, key, owner: owner(name) });
  }
  return decision;
}

/** The address, or the kind of the fault. */
export function outcomeOf(decision: AllocateDecision): string {
  switch (decision.kind) {
    case "fresh":
      return decision.address;
    case "held":
      return decision.allocation.address;
    default:
      return decision.kind;
  }
}

/** Releases the address of an owner. */
export function release(allocator: AddressAllocator, name: string): void {
  const allocation = allocator.findByOwner(keyOf(name));
  assert.ok(allocation !== undefined, name);
  allocator.release(allocation);
}

/** That many different names. */
export function names(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `c${at}`);
}
