import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { DesiredState } from "./desired_state.ts";

/**
 * The keys to reconcile because of events. They are compared with the desired state only
 * when the repair begins, alone in the queue: a call in flight when an event came has
 * committed by then.
 */
export class DirtySet {
  /** Prefixes of routes and of records. */
  readonly prefixes = new Set<Ipv4Cidr>();
  readonly #devices = new Set<InterfaceName>();
  readonly #records = new Set<Ipv4Cidr>();

  /** Something happened to devices. */
  markDevices(devices: Iterable<InterfaceName>): void {
    for (const device of devices) this.#devices.add(device);
  }

  /** The record for this prefix may be missing from the store. */
  markRecord(prefix: Ipv4Cidr): void {
    this.#records.add(prefix);
  }

  /** True if the desired state has to tell yet which prefixes are concerned. */
  get unresolved(): boolean {
    return this.#devices.size + this.#records.size > 0;
  }

  /** Marks the routes of devices. */
  resolveDevices(desired: DesiredState): void {
    if (this.#devices.size === 0) return;
    for (const { route } of desired.routes()) {
      if (this.#devices.has(route.device)) this.prefixes.add(route.destination);
    }
    this.#devices.clear();
  }

  /** Takes the prefixes whose record should exist. */
  takeRecords(shouldExist: (prefix: Ipv4Cidr) => boolean): readonly Ipv4Cidr[] {
    const taken = [...this.#records].filter(shouldExist);
    this.#records.clear();
    return taken;
  }
}
