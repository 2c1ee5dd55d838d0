import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { RepairCause } from "../observability/instruments.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { DesiredState } from "./desired_state.ts";

/** Why and when a prefix was marked first. */
export interface Mark {
  readonly cause: RepairCause;
  /** On the clock of `performance.now()`. */
  readonly sinceMs: number;
}

/**
 * The keys to reconcile because of events. They are compared with the desired state only
 * when the repair begins, alone in the queue: a call in flight when an event came has
 * committed by then. Each keeps its first mark, however often it is marked.
 */
export class DirtySet {
  readonly #prefixes = new Map<Ipv4Cidr, Mark>();
  readonly #devices = new Map<InterfaceName, Mark>();
  readonly #records = new Map<Ipv4Cidr, Mark>();

  /** Prefixes of routes and of records. */
  get prefixes(): Iterable<Ipv4Cidr> {
    return this.#prefixes.keys();
  }

  /** The route or the record of this prefix may not be as desired. */
  mark(prefix: Ipv4Cidr, mark: Mark): void {
    keepFirst(this.#prefixes, prefix, mark);
  }

  /** Something happened to devices. */
  markDevices(devices: Iterable<InterfaceName>, mark: Mark): void {
    for (const device of devices) keepFirst(this.#devices, device, mark);
  }

  /** The record for this prefix may be missing from the store. */
  markRecord(prefix: Ipv4Cidr, mark: Mark): void {
    keepFirst(this.#records, prefix, mark);
  }

  /** True if the desired state has to tell yet which prefixes are concerned. */
  get unresolved(): boolean {
    return this.#devices.size + this.#records.size > 0;
  }

  /** Marks the routes of devices. */
  resolveDevices(desired: DesiredState): void {
    if (this.#devices.size === 0) return;
    for (const { route } of desired.routes()) {
      const mark = this.#devices.get(route.device);
      if (mark !== undefined) this.mark(route.destination, mark);
    }
    this.#devices.clear();
  }

  /** Takes the prefixes whose record should exist. */
  takeRecords(
    shouldExist: (prefix: Ipv4Cidr) => boolean,
  ): ReadonlyMap<Ipv4Cidr, Mark> {
    const taken = [...this.#records].filter(([prefix]) => shouldExist(prefix));
    this.#records.clear();
    return new Map(taken);
  }

  /** Takes the prefixes that are due. */
  take(isDue: (prefix: Ipv4Cidr) => boolean): ReadonlyMap<Ipv4Cidr, Mark> {
    const taken = new Map([...this.#prefixes].filter(([prefix]) => isDue(prefix)));
    for (const prefix of taken.keys()) this.#prefixes.delete(prefix);
    return taken;
  }
}

function keepFirst<Key>(marks: Map<Key, Mark>, key: Key, mark: Mark): void {
  if (!marks.has(key)) marks.set(key, mark);
}
