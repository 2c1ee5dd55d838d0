import type { Ipv4Cidr } from "./cidr.ts";
import type { AllocateFault, Allocation } from "./allocator.ts";
import type { Owner } from "./owner.ts";
import { quote } from "../shared/quote.ts";

/** Why an owner gets no address, as a caller finds it. */
export function describeAllocateFault(fault: AllocateFault, owner: Owner): string {
  switch (fault.kind) {
    case "no-subnet":
      return "No node subnet is configured yet; call again after ConfigureNodeSubnet";
    case "outside":
      return `Address ${fault.address} is not in this node's subnet ${fault.subnet}`;
    case "reserved":
      return `Address ${fault.address} is the ${fault.role}, which is never given`;
    case "holds-another":
      return `Owner ${quote(owner)} has ${fault.held}; ` +
        `release it before asking for ${fault.wanted}`;
    case "taken":
      return `Address ${fault.address} is taken${takenBy(fault.by)}; ` +
        "ask for another one, or for any";
    case "exhausted":
      return `Every address of ${fault.subnet} is taken; release one first`;
    default:
      return fault satisfies never;
  }
}

/** An allocation from when the gateway was elsewhere, for the operator. */
export function describeGatewayTaken(allocation: Allocation): string {
  return `Address ${allocation.address} is the gateway and taken${
    takenBy(allocation)
  }; ` +
    "release it, or start with another --gateway-index";
}

/** Allocations that a sentence names. */
const NAMED = 3;

/** A change of the node's subnet that allocated addresses forbid. */
export interface SubnetInUse {
  /** The subnet until now; undefined if its entry was lost. */
  readonly from: Ipv4Cidr | undefined;
  readonly to: Ipv4Cidr;
  /** The allocations in the way, at least one. */
  readonly allocations: readonly Allocation[];
  /** The command that releases the first of them. */
  readonly release: string;
}

/** Why another subnet is refused, who is in the way, and how that ends. */
export function describeSubnetInUse(
  { allocations, from, release, to }: SubnetInUse,
): string {
  const change = from === undefined ? `to ${to}` : `from ${from} to ${to}`;
  const where = from === undefined ? " outside of it" : "";
  const one = allocations.length === 1;
  const count = `${allocations.length} ${one ? "address" : "addresses"}${where} ` +
    `${one ? "is" : "are"} allocated`;
  const named = allocations.slice(0, NAMED).map(({ address, owner }) =>
    `${address} ${owner === undefined ? "(owner's name lost)" : `for ${quote(owner)}`}`
  ).join(", ");
  const more = allocations.length - NAMED;
  return `Cannot change node subnet ${change} while ${count}: ${named}` +
    `${more > 0 ? ` and ${more} more` : ""}; when the ` +
    `${
      one
        ? "container is gone, release its address"
        : "containers are gone, release each address"
    }` +
    ` and call again: ${release}`;
}

function takenBy(allocation: Allocation | undefined): string {
  if (allocation === undefined) return "";
  return allocation.owner === undefined
    ? " by an owner whose name was lost"
    : ` by ${quote(allocation.owner)}`;
}
