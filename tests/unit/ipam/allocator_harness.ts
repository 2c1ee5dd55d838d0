import assert from "node:assert/strict";
import { checkAddress, type Ipv4Address } from "../../../src/ipam/address.ts";
import { type Ipv4Cidr, parseCidr } from "../../../src/ipam/cidr.ts";
import {
  checkOwner,
  type Owner,
  type OwnerKey,
  ownerKey,
} from "../../../src/ipam/owner.ts";
import { AddressPool, type AllocateDecision } from "../../../src/ipam/allocator.ts";

/** A CIDR known to be good. */
export function cidr(text: string): Ipv4Cidr {
  const parsed = parseCidr(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

/** An address known to be good. */
export function address(text: string): Ipv4Address {
  const checked = checkAddress(text);
  assert.ok(checked.ok, text);
  return checked.value;
}

/** An owner known to be good. */
export function owner(text: string): Owner {
  const checked = checkOwner(text);
  assert.ok(checked.ok, text);
  return checked.value;
}

/** Any function of the name will do here that gives each its own key. */
export function keyOf(name: string): OwnerKey {
  return ownerKey([...name].map((letter) => letter.charCodeAt(0)));
}

/** A pool that is configured, and empty. */
export function poolOf(subnet: string, gatewayIndex = 1, cursor = 0): AddressPool {
  const pool = new AddressPool(gatewayIndex);
  pool.configure(cidr(subnet), cursor);
  return pool;
}

/** Decides and does it. */
export function allocate(
  pool: AddressPool,
  name: string,
  wanted?: string,
): AllocateDecision {
  const key = keyOf(name);
  const decision = pool.decide(key, wanted === undefined ? wanted : address(wanted));
  if (decision.kind === "fresh") {
    pool.take({ address: decision.address, key, owner: owner(name) });
  }
  return decision;
}

/** The address, or why there is none. */
export function given(decision: AllocateDecision): string {
  switch (decision.kind) {
    case "fresh":
      return decision.address;
    case "held":
      return decision.allocation.address;
    default:
      return decision.kind;
  }
}

/** Takes back what an owner has. */
export function release(pool: AddressPool, name: string): void {
  const allocation = pool.of(keyOf(name));
  assert.ok(allocation !== undefined, name);
  pool.drop(allocation);
}

/** So many names. */
export function names(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `c${at}`);
}
