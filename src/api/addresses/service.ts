import type { NodeNetworkService } from "../../addresses/ports.ts";
import type { Logger } from "../../observability/logger.ts";
import type { ServedService } from "../../shared/served_service.ts";
import type { AddressServiceHandlers } from "../gen/quilt/sidecar/v1/AddressService.ts";
import { ADDRESS_SERVICE } from "../proto_registry.ts";
import { unaryHandlers } from "../unary_handler.ts";
import {
  allocateCall,
  allocateResult,
  listResult,
  releaseCall,
  releaseResult,
} from "./log_lines.ts";
import {
  toAllocateReply,
  toListReply,
  toReleaseReply,
  toReleaseTarget,
} from "./messages.ts";

/** `quilt.sidecar.v1.AddressService` over a node: Quilt gets addresses from it. */
export function createAddressService(
  network: NodeNetworkService,
  logger: Logger,
): ServedService {
  const unary = unaryHandlers(logger);
  const implementation: AddressServiceHandlers = {
    AllocateAddress: unary({
      rpc: "AllocateAddress",
      execute: ({ address, owner }, call) =>
        network.allocateAddress(owner, address, call),
      describeCall: allocateCall,
      describeResult: allocateResult,
      reply: toAllocateReply,
    }),
    ReleaseAddress: unary({
      rpc: "ReleaseAddress",
      execute: (request, call) =>
        network.releaseAddress(toReleaseTarget(request), call),
      describeCall: (request) => releaseCall(toReleaseTarget(request)),
      describeResult: (outcome, request) =>
        releaseResult(outcome, toReleaseTarget(request)),
      reply: toReleaseReply,
    }),
    ListAddresses: unary({
      rpc: "ListAddresses",
      execute: (_, call) => network.listAddresses(call),
      describeCall: () => ({ kind: "other", text: "ListAddresses()" }),
      describeResult: listResult,
      reply: toListReply,
    }),
  };
  return { definition: ADDRESS_SERVICE, implementation, logCounts: unary.logCounts };
}
