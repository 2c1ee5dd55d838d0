/**
 * The port to the state store: what outlives this process. The store gives records back,
 * and turns each change of a record into operations of the dataplane, so that a record
 * and the route that depends on it share one batch.
 *
 * May import: ipam, routing, shared, and the dataplane's port.
 */
import type { Cause, Operation, TableRoute } from "../dataplane/dataplane.ts";
import type { Ipv4Address } from "../ipam/address.ts";
import type { Allocation } from "../ipam/allocator.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Owner, OwnerKey } from "../ipam/owner.ts";
import type { Route } from "../routing/route.ts";

/** The node's subnet; of two records the higher revision is the later one. */
export interface SubnetRecord {
  readonly kind: "subnet";
  readonly subnet: Ipv4Cidr;
  /** From 1. */
  readonly revision: number;
  /** The offset of the address that was allocated last. */
  readonly cursor: number;
}

/** A desired route. */
export interface RouteRecord {
  readonly kind: "route";
  readonly route: Route;
  /** False: the agent has not requested it since its start. */
  readonly claimed: boolean;
}

/** An allocated address: it is one exactly as long as this record exists. */
export interface AddressRecord {
  readonly kind: "address";
  readonly address: Ipv4Address;
  readonly key: OwnerKey;
}

/** The name of an address's owner. */
export interface OwnerRecord {
  readonly kind: "owner";
  readonly address: Ipv4Address;
  readonly owner: Owner;
}

/** A piece of a name whose allocation or release was interrupted. */
export interface FragmentRecord {
  readonly kind: "fragment";
  readonly address: Ipv4Address;
  /** Which piece, from 0. */
  readonly part: number;
  readonly text: string;
}

/** A change of one record. */
export type StateChange =
  /** Writes it; the same record again is no change. */
  | { readonly kind: "put"; readonly record: SubnetRecord | RouteRecord }
  /** Writes it where there is none; fails with `exists` otherwise. */
  | { readonly kind: "create"; readonly record: AddressRecord | OwnerRecord }
  /** Deletes it with any content; fails with `absent` or `no-table` if there is none. */
  | {
    readonly kind: "delete";
    readonly record:
      | SubnetRecord
      | RouteRecord
      | AddressRecord
      | OwnerRecord
      | FragmentRecord;
  }
  /** Deletes it if it has exactly this content; fails with `absent` otherwise. */
  | {
    readonly kind: "delete-equal";
    readonly record: AddressRecord | OwnerRecord | FragmentRecord;
  };

/** Everything that the store has. */
export interface StoredState {
  readonly subnets: readonly SubnetRecord[];
  readonly routes: readonly RouteRecord[];
  /** Addresses with their owners; undefined is an owner whose name is incomplete. */
  readonly allocations: readonly Allocation[];
  readonly fragments: readonly FragmentRecord[];
}

/** Keeps records. */
export interface StateStore {
  /**
   * Reads all records.
   *
   * @param ours every route of every table that carries our protocol number, as the
   * kernel shows it now
   */
  load(ours: readonly TableRoute[]): StoredState;
  /** The operations that carry out a change, at least one, in this order. */
  stage(change: StateChange, cause: Cause): readonly Operation[];
  /** True if a name has just this piece. */
  isPartOf(owner: Owner, fragment: FragmentRecord): boolean;
}
