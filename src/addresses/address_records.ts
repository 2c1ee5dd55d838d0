import { hostAddress, type Ipv4Address } from "../ipam/address.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import { type Owner, type OwnerKey, parseOwner } from "../ipam/owner.ts";
import type { AddressAllocator, Allocation } from "../ipam/allocator.ts";
import type {
  Cause,
  Dataplane,
  Operation,
  TableEntry,
  TableRoute,
} from "../dataplane/dataplane.ts";
import {
  addressEntry,
  ownerEntries,
  ownerPart,
  ownerParts,
  type Remembered,
} from "../state/table142_codec.ts";
import { exchangeAll } from "../reconcile/exchanges.ts";
import type { Ledger } from "../reconcile/desired_state.ts";
import { type MemoryEntry, memoryOf, readOwn } from "../state/table142_store.ts";
import { keyOf } from "./owner_key.ts";

/** All that stands in table 142 for an allocation; what makes it one comes last. */
export function entriesOf({ address, key, owner }: Allocation): readonly TableEntry[] {
  const name = owner === undefined ? [] : ownerEntries(address, owner);
  return [...name, addressEntry(address, key)];
}

/** Asks the kernel, if there is any doubt that the pool agrees with it. */
export async function freshenPool(
  dataplane: Dataplane,
  ledger: Ledger,
  cause: Cause,
): Promise<Result<void, string>> {
  if (ledger.doubtful.size === 0) return ok(undefined);
  const own = await readOwn(dataplane);
  if (own.kind === "lost") return err(own.why);
  return await adoptAddresses(dataplane, ledger, own.entries, cause);
}

/**
 * Takes the allocations from table 142, and removes what is left there of names whose
 * release or allocation was cut short. What is not in doubt stays as the pool has it:
 * somebody may have emptied the table meanwhile.
 *
 * @returns why there is still some doubt, if there is
 */
export async function adoptAddresses(
  dataplane: Dataplane,
  ledger: Ledger,
  own: readonly TableRoute[],
  cause: Cause,
): Promise<Result<void, string>> {
  const { doubtful, pool } = ledger;
  const memory = memoryOf(own);
  const merged = new Map(pool.list().map((known) => [known.address, known]));
  for (const address of doubtful) merged.delete(address);
  for (const found of findAllocations(memory)) {
    if (!merged.has(found.address)) merged.set(found.address, found);
  }
  pool.replaceAll(merged.values());
  const leftovers = memory.filter(({ remembered }) =>
    remembered.kind === "owner-part" && !isPart(pool, remembered)
  );
  const removed = await exchangeAll(
    dataplane,
    leftovers.map(({ entry }) => ({ command: { kind: "delete-entry", entry }, cause })),
  );
  if (!removed.ok) return removed;
  doubtful.clear();
  return ok(undefined);
}

/**
 * Writes again what table 142 should have of the allocations and has not.
 *
 * @returns the prefixes of the addresses concerned
 */
export async function renewAddresses(
  dataplane: Dataplane,
  ledger: Ledger,
  own: readonly TableRoute[],
  cause: Cause,
): Promise<readonly Ipv4Cidr[]> {
  if (ledger.doubtful.size > 0) await adoptAddresses(dataplane, ledger, own, cause);
  const missing = missingEntries(ledger.pool, own);
  await exchangeAll(dataplane, missing.flatMap((entry) => putBack(entry, cause)));
  return [...new Set(missing.map(({ prefix }) => prefix))];
}

/** Writes an entry anew; one of somebody else's in its place stays there. */
export function putBack(entry: TableEntry, cause: Cause): readonly Operation[] {
  return [
    { command: { kind: "delete-entry", entry }, cause },
    { command: { kind: "create-entry", entry }, cause },
  ];
}

/** The entries of allocations that table 142 has not. */
export function missingEntries(
  pool: AddressAllocator,
  own: readonly TableRoute[],
): readonly TableEntry[] {
  const there = new Map<Ipv4Address, Set<number>>();
  for (const { entry, remembered } of memoryOf(own)) {
    if (!isOfAllocation(pool, remembered)) continue;
    const metrics = there.get(remembered.address);
    if (metrics === undefined) there.set(remembered.address, new Set([entry.metric]));
    else metrics.add(entry.metric);
  }
  return pool.list().flatMap((allocation): readonly TableEntry[] => {
    const { address, owner } = allocation;
    const metrics = there.get(address);
    const count = 1 + (owner === undefined ? 0 : ownerParts(owner));
    // Hardly ever is one missing, and there may be very many.
    return metrics?.size === count
      ? []
      : entriesOf(allocation).filter(({ metric }) => metrics?.has(metric) !== true);
  });
}

/** Addresses that table 142 has as allocated and the pool as free. */
export function strangers(
  pool: AddressAllocator,
  own: readonly TableRoute[],
): readonly Ipv4Address[] {
  const unknown = own.filter(({ route }) => {
    const address = hostAddress(route.destination);
    return address !== undefined && pool.findByAddress(address) === undefined;
  });
  return memoryOf(unknown).flatMap(({ remembered }) =>
    remembered.kind === "address" ? [remembered.address] : []
  );
}

type Part = Extract<Remembered, { kind: "owner-part" }>;

function findAllocations(memory: readonly MemoryEntry[]): readonly Allocation[] {
  const parts = new Map<Ipv4Address, Part[]>();
  for (const { remembered } of memory) {
    if (remembered.kind !== "owner-part") continue;
    const others = parts.get(remembered.address);
    if (others === undefined) parts.set(remembered.address, [remembered]);
    else others.push(remembered);
  }
  return memory.flatMap(({ remembered }): readonly Allocation[] => {
    if (remembered.kind !== "address") return [];
    const { address, key } = remembered;
    return [{ address, key, owner: recogniseOwner(parts.get(address) ?? [], key) }];
  });
}

/** A name is the owner's if its key is; the last parts may be left of a longer name. */
function recogniseOwner(parts: readonly Part[], key: OwnerKey): Owner | undefined {
  const texts = parts.toSorted((one, other) => one.part - other.part)
    .map(({ text }) => text);
  for (let count = texts.length; count > 0; count -= 1) {
    const owner = parseOwner(texts.slice(0, count).join(""));
    if (owner.ok && keyOf(owner.value) === key) return owner.value;
  }
  return undefined;
}

type AddressEntry = Extract<Remembered, { kind: "address" | "owner-part" }>;

/** True if the pool has an allocation that says just this. */
function isOfAllocation(
  pool: AddressAllocator,
  remembered: Remembered,
): remembered is AddressEntry {
  switch (remembered.kind) {
    case "address":
      return pool.findByAddress(remembered.address)?.key === remembered.key;
    case "owner-part":
      return isPart(pool, remembered);
    default:
      return false;
  }
}

function isPart(pool: AddressAllocator, { address, part, text }: Part): boolean {
  const owner = pool.findByAddress(address)?.owner;
  return owner !== undefined && text !== "" && ownerPart(owner, part) === text;
}
