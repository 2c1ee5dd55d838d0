import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { StoredState } from "../state/store.ts";
import type { AnyKey } from "./reconciler.ts";
import type { Plan } from "./step.ts";

/**
 * A component that has records in the state store besides the routes. It restores them at
 * the start, and reports at each resync what the store lacks.
 */
export interface RecordOwner {
  /** Takes the records at the start. */
  restore(state: StoredState): Restored;
  /** True if a record for this prefix should exist. */
  owns(prefix: Ipv4Cidr): boolean;
  /** The prefixes for which the store lacks a record; it may be outdated. */
  suspects(state: StoredState): readonly Ipv4Cidr[];
  /** What the store lacks, and what writes it again. */
  missing(state: StoredState): ReadonlyMap<Ipv4Cidr, Plan>;
}

/** What was restored. */
export interface Restored {
  /** Removes what an interrupted change left. */
  readonly cleanUp: readonly AnyKey[];
  /** E.g. `node subnet 10.42.1.0/24`; empty if nothing was restored. */
  readonly summary: readonly string[];
  /** For the operator. */
  readonly warnings: readonly string[];
}
