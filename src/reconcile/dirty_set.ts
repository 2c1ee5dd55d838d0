import { hostAddress } from "../ipam/address.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { Ledger } from "./desired_state.ts";

/**
 * What events hinted at since the last look. They are held against the ledger only
 * when the look begins, alone in the queue: a call under way when an event came has
 * told the ledger by then what it wants.
 */
export class Hints {
  /** Destinations to be looked at. */
  readonly dirty = new Set<Ipv4Cidr>();
  readonly #devices = new Set<InterfaceName>();
  readonly #forgotten = new Set<Ipv4Cidr>();

  /** Something happened to devices. */
  addDevices(devices: Iterable<InterfaceName>): void {
    for (const device of devices) this.#devices.add(device);
  }

  /** An entry in table 142 for a route, an address or the node's subnet may be gone. */
  addForgotten(prefix: Ipv4Cidr): void {
    this.#forgotten.add(prefix);
  }

  /** True if it is not known yet which destinations are concerned. */
  get unresolved(): boolean {
    return this.#devices.size + this.#forgotten.size > 0;
  }

  /** Makes destinations of devices. */
  resolveDevices(ledger: Ledger): void {
    if (this.#devices.size === 0) return;
    for (const { route } of ledger.wishes()) {
      if (this.#devices.has(route.device)) this.dirty.add(route.destination);
    }
    this.#devices.clear();
  }

  /** Hands out the prefixes whose entry should be there but may be gone. */
  takeForgotten(ledger: Ledger): readonly Ipv4Cidr[] {
    const taken = [...this.#forgotten].filter((prefix) =>
      ledger.get(prefix)?.remembered === true ||
      prefix === ledger.nodeSubnet?.subnet || isAllocated(ledger, prefix)
    );
    this.#forgotten.clear();
    return taken;
  }
}

function isAllocated({ pool }: Ledger, prefix: Ipv4Cidr): boolean {
  const address = hostAddress(prefix);
  return address !== undefined && pool.findByAddress(address) !== undefined;
}
