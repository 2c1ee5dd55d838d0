import type { AllocateFault, Allocation } from "./pool.ts";
import type { Owner } from "./owner.ts";
import { quote } from "./quote.ts";

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

function takenBy(allocation: Allocation | undefined): string {
  if (allocation === undefined) return "";
  return allocation.owner === undefined
    ? " by an owner whose name was lost"
    : ` by ${quote(allocation.owner)}`;
}
