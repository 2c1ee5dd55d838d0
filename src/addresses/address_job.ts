import type { Ipv4Address } from "../ipam/address.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Owner } from "../ipam/owner.ts";
import type { AllocateDecision, AllocateFault, Allocation } from "../ipam/allocator.ts";
import { describeAllocateFault } from "../ipam/messages.ts";
import type { Operation } from "../dataplane/dataplane.ts";
import type { Call, Undone } from "../reconcile/node_service.ts";
import type {
  AddressRefusal,
  AllocateOutcome,
  ListOutcome,
  NodeNetwork,
  ReleaseOutcome,
} from "./pod_network.ts";
import { addressEntry, ownerEntries } from "../state/table142_codec.ts";
import { entriesOf, putBack } from "./address_records.ts";
import type { Ledger } from "../reconcile/desired_state.ts";
import { keyOf } from "./owner_key.ts";
import { causeOf } from "../reconcile/route_keeper.ts";

/** A call about addresses on its way to the kernel's confirmation. */
export interface AddressJob {
  readonly call: Call;
  /** Changes the pool as if all went well, and says what has to be written for that. */
  plan(ledger: Ledger): AddressPlan;
  /** Answers that it was not done. */
  refuse(refusal: AddressRefusal | Undone): void;
}

/** What one call needs of the kernel. */
export interface AddressPlan {
  /** What is in doubt until the kernel has confirmed it. */
  readonly address: Ipv4Address | undefined;
  /** True if an address is given that was free. */
  readonly allocates: boolean;
  /** Empty if all is there already. */
  readonly operations: readonly Operation[];
  /** How many of them, from the first on, must succeed. */
  readonly required: number;
  /** Answers the caller, once all that was planned with it is confirmed. */
  answer(): void;
}

/** Gives an owner an address. */
export function allocateJob(
  request: { readonly owner: Owner; readonly wanted: Ipv4Address | undefined },
  call: Call,
  clusterCidr: Ipv4Cidr,
  resolve: (outcome: AllocateOutcome) => void,
): AddressJob {
  const { owner, wanted } = request;
  const key = keyOf(owner);
  let wrote = false;
  return {
    call,
    refuse: resolve,
    plan(ledger) {
      const decision = ledger.pool.choose(key, wanted);
      if (decision.kind !== "held" && decision.kind !== "fresh") {
        return nothingToWrite(() => resolve(refusalOf(decision, owner)));
      }
      const allocation = { address: addressOf(decision), key, owner };
      const operations = grant(ledger, decision, allocation, call);
      wrote ||= operations.length > 0;
      return {
        address: allocation.address,
        allocates: decision.kind === "fresh",
        operations,
        required: decision.kind === "fresh" ? operations.length : 0,
        answer: () =>
          resolve({
            kind: "allocated",
            allocated: allocation,
            network: networkOf(ledger, clusterCidr),
            changed: wrote,
          }),
      };
    },
  };
}

/** Takes back the address that `find` finds, if any. */
export function releaseJob(
  find: (ledger: Ledger) => Allocation | undefined,
  call: Call,
  resolve: (outcome: ReleaseOutcome) => void,
): AddressJob {
  let released: Allocation | undefined;
  return {
    call,
    refuse: resolve,
    plan(ledger) {
      const found = find(ledger);
      // Not there any more, but it was: then it was this very call that released it.
      const taken = released ??= found;
      const answer = (): void =>
        resolve(taken ? { kind: "released", released: taken } : { kind: "absent" });
      if (found === undefined) return nothingToWrite(answer);
      ledger.pool.release(found);
      // What makes it an allocation goes first: parts of a name alone are nothing.
      const operations = entriesOf(found).toReversed().map((entry): Operation => ({
        command: { kind: "delete-equal-entry", entry },
        cause: causeOf(call),
      }));
      return {
        address: found.address,
        allocates: false,
        operations,
        required: 1,
        answer,
      };
    },
  };
}

/** Tells who has which address. */
export function listJob(
  call: Call,
  resolve: (outcome: ListOutcome) => void,
): AddressJob {
  return {
    call,
    refuse: resolve,
    plan: ({ pool }) =>
      nothingToWrite(() =>
        resolve({ kind: "listed", addresses: pool.list(), free: pool.free })
      ),
  };
}

/** The node's network as the ledger has it. */
export function networkOf(
  { nodeSubnet, pool }: Ledger,
  clusterCidr: Ipv4Cidr,
): NodeNetwork {
  const { gateway } = pool;
  const configured = nodeSubnet === undefined || gateway === undefined
    ? undefined
    : { ...nodeSubnet, gateway };
  return { clusterCidr, configured };
}

function nothingToWrite(answer: () => void): AddressPlan {
  return { address: undefined, allocates: false, operations: [], required: 0, answer };
}

function addressOf(
  decision: Extract<AllocateDecision, { kind: "held" | "fresh" }>,
): Ipv4Address {
  return decision.kind === "held" ? decision.allocation.address : decision.address;
}

/** Takes the address; the name comes first, so that no allocation is without one. */
function grant(
  { pool }: Ledger,
  decision: Extract<AllocateDecision, { kind: "held" | "fresh" }>,
  allocation: Allocation & { readonly owner: Owner },
  call: Call,
): readonly Operation[] {
  const { address, key, owner } = allocation;
  const cause = causeOf(call);
  const name = ownerEntries(address, owner);
  if (decision.kind === "held") {
    if (decision.allocation.owner !== undefined) return [];
    pool.setOwner(allocation);
    return name.flatMap((entry) => putBack(entry, cause));
  }
  pool.allocate(allocation);
  return [...name, addressEntry(address, key)].map((entry) => ({
    command: { kind: "create-entry", entry },
    cause,
  }));
}

function refusalOf(fault: AllocateFault, owner: Owner): AddressRefusal {
  return {
    kind: "refused",
    reason: REASONS[fault.kind],
    sentence: describeAllocateFault(fault, owner),
  };
}

const REASONS: Readonly<Record<AllocateFault["kind"], AddressRefusal["reason"]>> = {
  "no-subnet": "not-ready",
  "outside": "invalid",
  "reserved": "invalid",
  "holds-another": "taken",
  "taken": "taken",
  "exhausted": "exhausted",
};
