import type { Ipv4Cidr } from "./cidr.ts";
import type { AllocateFault, Allocation } from "./allocator.ts";
import type { Owner } from "./owner.ts";
import { quote } from "../shared/quote.ts";

/** The message for a client whose allocation fails. */
export function describeAllocateFault(fault: AllocateFault, owner: Owner): string {
  switch (fault.kind) {
    case "no-subnet":
      return "No node subnet is configured yet; call again after ConfigureNodeSubnet";
    case "outside":
      return `Address ${fault.address} is not in this node's subnet ${fault.subnet}`;
    case "reserved":
      return `Address ${fault.address} is the ${fault.role}, which is never allocated`;
    case "holds-another":
      return `Owner ${quote(owner)} has ${fault.held}; ` +
        `release it before asking for ${fault.requested}`;
    case "taken":
      return `Address ${fault.address} is taken${takenBy(fault.by)}; ` +
        "ask for another one, or for any";
    case "exhausted":
      return `Every address of ${fault.subnet} is taken; release one first`;
    default:
      return fault satisfies never;
  }
}

/**
 * The message for the operator if the gateway's address was allocated while
 * `--gateway-index` had another value.
 */
export function describeGatewayTaken(allocation: Allocation): string {
  return `Address ${allocation.address} is the gateway and taken${
    takenBy(allocation)
  }; ` +
    "release it, or start with another --gateway-index";
}

/** How many allocations a message names. */
const MAX_NAMED = 3;

/** A change of the node's subnet that is refused because addresses are allocated. */
export interface SubnetInUse {
  /** The current subnet; undefined if its entry was lost. */
  readonly from: Ipv4Cidr | undefined;
  readonly to: Ipv4Cidr;
  /** The allocations that forbid the change, at least one. */
  readonly allocations: readonly Allocation[];
  /** The shell command that releases the first of them. */
  readonly release: string;
}

/** The reason for the refusal, the owners of the addresses, and the remedy. */
export function describeSubnetInUse(
  { allocations, from, release, to }: SubnetInUse,
): string {
  const change = from === undefined ? `to ${to}` : `from ${from} to ${to}`;
  const where = from === undefined ? " outside of it" : "";
  const one = allocations.length === 1;
  const count = `${allocations.length} ${one ? "address" : "addresses"}${where} ` +
    `${one ? "is" : "are"} allocated`;
  const named = allocations.slice(0, MAX_NAMED).map(({ address, owner }) =>
    `${address} ${owner === undefined ? "(owner's name lost)" : `for ${quote(owner)}`}`
  ).join(", ");
  const more = allocations.length - MAX_NAMED;
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
