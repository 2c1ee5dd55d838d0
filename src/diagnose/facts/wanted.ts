import { enclosing, firstAddress } from "../../ipam/address.ts";
import { type Ipv4Cidr, prefixLength } from "../../ipam/cidr.ts";
import type { WantedRoute } from "../facts.ts";

/** Returns the wanted route whose destination contains a prefix. */
export type WantedIndex = (inner: Ipv4Cidr) => WantedRoute | undefined;

/** A look-up in it takes the same time however many routes are wanted. */
export function indexWanted(wanted: readonly WantedRoute[]): WantedIndex {
  const byDestination = new Map<Ipv4Cidr, WantedRoute>();
  const lengths = new Set<number>();
  for (const route of wanted) {
    byDestination.set(route.destination, route);
    lengths.add(prefixLength(route.destination));
  }
  return (inner) => {
    const exact = byDestination.get(inner);
    if (exact !== undefined) return exact;
    const first = firstAddress(inner);
    for (const length of lengths) {
      if (length > prefixLength(inner)) continue;
      const found = byDestination.get(enclosing(first, length));
      if (found !== undefined) return found;
    }
    return undefined;
  };
}
