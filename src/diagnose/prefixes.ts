/** What the checks ask of prefixes. */
import type { InterfaceAddress } from "../dataplane/data_path.ts";
import { addressFromNumber, addressToNumber, firstAddress } from "../ipam/address.ts";
import {
  contains,
  hostPrefix,
  type Ipv4Cidr,
  parseCidr,
  prefixLength,
} from "../ipam/cidr.ts";
import type { WantedRoute } from "./facts.ts";

/** The network that an address with a prefix length is in. */
export function networkOf({ address, prefixLength }: InterfaceAddress): Ipv4Cidr {
  const parsed = parseCidr(`${address}/${prefixLength}`);
  if (parsed.ok) return parsed.value;
  // An address and a length from 0 to 32 have no other fault.
  return parsed.fault.kind === "host-bits" ? parsed.fault.network : hostPrefix(address);
}

/** Whether two prefixes have an address in common. */
export function overlap(one: Ipv4Cidr, other: Ipv4Cidr): boolean {
  return contains(one, other) || contains(other, one);
}

/** Returns the wanted route whose destination contains a prefix. */
export type WantedIndex = (inner: Ipv4Cidr) => WantedRoute | undefined;

/** A look-up in it takes the same time however many routes are wanted. */
export function indexWanted(wanted: readonly WantedRoute[]): WantedIndex {
  const byDestination = new Map<string, WantedRoute>();
  const lengths = new Set<number>();
  for (const route of wanted) {
    byDestination.set(route.destination, route);
    lengths.add(prefixLength(route.destination));
  }
  return (inner) => {
    const exact = byDestination.get(inner);
    if (exact !== undefined) return exact;
    const network = addressToNumber(firstAddress(inner));
    for (const length of lengths) {
      if (length > prefixLength(inner)) continue;
      const outer = addressFromNumber(network - network % 2 ** (32 - length));
      const found = byDestination.get(`${outer}/${length}`);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}
