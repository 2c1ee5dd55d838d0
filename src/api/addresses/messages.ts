import { status } from "@grpc/grpc-js";
import type {
  AddressRefusal,
  AllocateOutcome,
  ListOutcome,
  OwnedAddress,
  ReleaseOutcome,
  ReleaseTarget,
} from "../../addresses/ports.ts";
import type { NotExecuted } from "../../reconcile/ports.ts";
import type { AllocateAddressResponse } from "../gen/quilt/sidecar/v1/AllocateAddressResponse.ts";
import type { AllocatedAddress } from "../gen/quilt/sidecar/v1/AllocatedAddress.ts";
import type { ListAddressesResponse } from "../gen/quilt/sidecar/v1/ListAddressesResponse.ts";
import type { ReleaseAddressRequest } from "../gen/quilt/sidecar/v1/ReleaseAddressRequest.ts";
import type { ReleaseAddressResponse } from "../gen/quilt/sidecar/v1/ReleaseAddressResponse.ts";
import { toNodeNetworkMessage } from "../node_network/service.ts";
import {
  notExecutedReply,
  type Reply,
  type StatusReply,
  statusReply,
} from "../unary_handler.ts";

/** The address or the owner that a ReleaseAddress names. */
export function toReleaseTarget(
  { address = "", owner = "", target }: ReleaseAddressRequest,
): ReleaseTarget {
  switch (target) {
    case "address":
      return { kind: "address", text: address };
    case "owner":
      return { kind: "owner", text: owner };
    case undefined:
      return { kind: "none" };
    default:
      return target satisfies never;
  }
}

/** The answer to an AllocateAddress. */
export function toAllocateReply(
  outcome: AllocateOutcome,
): Reply<AllocateAddressResponse> {
  if (outcome.kind !== "allocated") return toStatusReply(outcome);
  const address = toAddressMessage(outcome.allocated);
  const message = { address, node_network: toNodeNetworkMessage(outcome.network) };
  return { kind: "message", message };
}

/** The answer to a ReleaseAddress. */
export function toReleaseReply(outcome: ReleaseOutcome): Reply<ReleaseAddressResponse> {
  switch (outcome.kind) {
    case "released": {
      const released = toAddressMessage(outcome.released);
      return { kind: "message", message: { released } };
    }
    case "absent":
      return { kind: "message", message: { released: null } };
    default:
      return toStatusReply(outcome);
  }
}

/** The answer to a ListAddresses. */
export function toListReply(outcome: ListOutcome): Reply<ListAddressesResponse> {
  if (outcome.kind !== "listed") return toStatusReply(outcome);
  const { addresses, free } = outcome;
  const message = { addresses: addresses.map(toAddressMessage), free };
  return { kind: "message", message };
}

function toAddressMessage({ address, owner }: OwnedAddress): AllocatedAddress {
  return { address, owner: owner ?? "" };
}

function toStatusReply(outcome: AddressRefusal | NotExecuted): StatusReply {
  return outcome.kind === "refused"
    ? statusReply(CODES[outcome.reason], outcome.sentence)
    : notExecutedReply(outcome);
}

const CODES: Readonly<Record<AddressRefusal["reason"], status>> = {
  "invalid": status.INVALID_ARGUMENT,
  "not-ready": status.FAILED_PRECONDITION,
  "exhausted": status.RESOURCE_EXHAUSTED,
  "taken": status.ALREADY_EXISTS,
  "lost": status.UNAVAILABLE,
  "failed": status.INTERNAL,
};
