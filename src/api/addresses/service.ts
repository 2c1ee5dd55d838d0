import { status } from "@grpc/grpc-js";
import type { Logger } from "../../observability/logger.ts";
import type { Undone } from "../../reconcile/node_service.ts";
import type {
  AddressRefusal,
  AllocateOutcome,
  ListOutcome,
  OwnedAddress,
  PodNetwork,
  ReleaseOutcome,
} from "../../addresses/pod_network.ts";
import {
  allocateCall,
  allocateResult,
  listResult,
  releaseCall,
  releaseResult,
} from "./log_lines.ts";
import type { DescribedService } from "../described_service.ts";
import { toMessage } from "../node_network/service.ts";
import { ADDRESS_SERVICE, SIDECAR_FILE } from "../sidecar_package.ts";
import {
  type Reply,
  replyUndone,
  type StatusReply,
  statusReply,
  unaryHandlers,
} from "../unary_handler.ts";
import {
  type AllocateAddressResponse,
  type AllocatedAddressMessage,
  decodeAllocateAddressRequest,
  decodeReleaseAddressRequest,
  type ListAddressesResponse,
  type ReleaseAddressResponse,
} from "./wire.ts";

/** `quilt.sidecar.v1.AddressService` over a node: what Quilt gets addresses from. */
export function createAddressService(
  network: PodNetwork,
  logger: Logger,
): DescribedService {
  const unary = unaryHandlers(logger);
  return {
    file: SIDECAR_FILE,
    definition: ADDRESS_SERVICE,
    implementation: {
      AllocateAddress: unary({
        rpc: "AllocateAddress",
        decode: decodeAllocateAddressRequest,
        carryOut: ({ address, owner }, call) =>
          network.allocateAddress(owner, address, call),
        describe: allocateCall,
        conclude: allocateResult,
        reply: replyToAllocate,
      }),
      ReleaseAddress: unary({
        rpc: "ReleaseAddress",
        decode: decodeReleaseAddressRequest,
        carryOut: (target, call) => network.releaseAddress(target, call),
        describe: releaseCall,
        conclude: releaseResult,
        reply: replyToRelease,
      }),
      ListAddresses: unary({
        rpc: "ListAddresses",
        decode: () => undefined,
        carryOut: (_, call) => network.listAddresses(call),
        describe: () => ({ kind: "other", text: "ListAddresses()" }),
        conclude: listResult,
        reply: replyToList,
      }),
    },
  };
}

function replyToAllocate(outcome: AllocateOutcome): Reply<AllocateAddressResponse> {
  if (outcome.kind !== "allocated") return replyUnfulfilled(outcome);
  const address = addressMessage(outcome.allocated);
  const message = { address, node_network: toMessage(outcome.network) };
  return { kind: "message", message };
}

function replyToRelease(outcome: ReleaseOutcome): Reply<ReleaseAddressResponse> {
  switch (outcome.kind) {
    case "released":
      return {
        kind: "message",
        message: { released: addressMessage(outcome.released) },
      };
    case "absent":
      return { kind: "message", message: { released: null } };
    default:
      return replyUnfulfilled(outcome);
  }
}

function replyToList(outcome: ListOutcome): Reply<ListAddressesResponse> {
  if (outcome.kind !== "listed") return replyUnfulfilled(outcome);
  const { addresses, free } = outcome;
  const message = { addresses: addresses.map(addressMessage), free };
  return { kind: "message", message };
}

function addressMessage(
  { address, owner }: OwnedAddress,
): AllocatedAddressMessage {
  return { address, owner: owner ?? "" };
}

function replyUnfulfilled(outcome: AddressRefusal | Undone): StatusReply {
  return outcome.kind === "refused"
    ? statusReply(CODES[outcome.reason], outcome.sentence)
    : replyUndone(outcome);
}

const CODES: Readonly<Record<AddressRefusal["reason"], status>> = {
  "invalid": status.INVALID_ARGUMENT,
  "not-ready": status.FAILED_PRECONDITION,
  "exhausted": status.RESOURCE_EXHAUSTED,
  "taken": status.ALREADY_EXISTS,
  "lost": status.UNAVAILABLE,
  "failed": status.INTERNAL,
};
