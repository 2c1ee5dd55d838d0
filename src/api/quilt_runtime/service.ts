import type { Logger } from "../../observability/logger.ts";
import type { ConfigureOutcome, NodeNetworkService } from "../../addresses/ports.ts";
import type {
  InjectOutcome,
  RemoveOutcome,
  RouteService,
} from "../../reconcile/ports.ts";
import type { ServedService } from "../../shared/served_service.ts";
import type { ConfigureNodeSubnetResponse } from "../gen/quilt/ConfigureNodeSubnetResponse.ts";
import type { InjectRouteResponse } from "../gen/quilt/InjectRouteResponse.ts";
import type { QuiltRuntimeHandlers } from "../gen/quilt/QuiltRuntime.ts";
import type { RemoveRouteResponse } from "../gen/quilt/RemoveRouteResponse.ts";
import { QUILT_RUNTIME } from "../proto_registry.ts";
import { notExecutedReply, type Reply, unaryHandlers } from "../unary_handler.ts";
import {
  configureCall,
  configureResult,
  injectCall,
  injectResult,
  removeCall,
  removeResult,
} from "./log_lines.ts";

/** The three responses, which have the same fields. */
type QuiltResponse =
  & ConfigureNodeSubnetResponse
  & InjectRouteResponse
  & RemoveRouteResponse;

/** The parts of a node that the mesh agent's calls use. */
export interface QuiltRuntimePorts {
  readonly network: Pick<NodeNetworkService, "configureNodeSubnet">;
  readonly routes: Pick<RouteService, "injectRoute" | "removeRoute">;
}

/** `quilt.QuiltRuntime`, which the mesh agent calls, over a node. */
export function createQuiltRuntime(
  { network, routes }: QuiltRuntimePorts,
  logger: Logger,
): ServedService {
  const unary = unaryHandlers(logger);
  const implementation: QuiltRuntimeHandlers = {
    ConfigureNodeSubnet: unary({
      rpc: "ConfigureNodeSubnet",
      execute: ({ subnet }, call) => network.configureNodeSubnet(subnet, call),
      describeCall: configureCall,
      describeResult: configureResult,
      reply: toReply,
    }),
    InjectRoute: unary({
      rpc: "InjectRoute",
      execute: ({ destination, via_interface: device }, call) =>
        routes.injectRoute(destination, device, call),
      describeCall: injectCall,
      describeResult: injectResult,
      reply: toReply,
    }),
    RemoveRoute: unary({
      rpc: "RemoveRoute",
      execute: ({ destination }, call) => routes.removeRoute(destination, call),
      describeCall: removeCall,
      describeResult: removeResult,
      reply: toReply,
    }),
  };
  return { definition: QUILT_RUNTIME, implementation, logCounts: unary.logCounts };
}

/** A refusal is a message. A call that was not executed has a gRPC status. */
export function toReply(
  outcome: ConfigureOutcome | InjectOutcome | RemoveOutcome,
): Reply<QuiltResponse> {
  switch (outcome.kind) {
    case "configured":
    case "added":
    case "unchanged":
    case "removed":
    case "absent":
      return { kind: "message", message: { success: true, error: "" } };
    case "refused":
      return { kind: "message", message: { success: false, error: outcome.sentence } };
    default:
      return notExecutedReply(outcome);
  }
}
