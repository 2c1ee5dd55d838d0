import type { Logger } from "../../observability/logger.ts";
import type { NodeService } from "../../reconcile/node_service.ts";
import type { DescribedService } from "../described_service.ts";
import {
  configureCall,
  configureResult,
  injectCall,
  injectResult,
  removeCall,
  removeResult,
} from "./log_lines.ts";
import { replyTo, unaryHandlers } from "../unary_handler.ts";
import {
  decodeConfigureNodeSubnetRequest,
  decodeInjectRouteRequest,
  decodeRemoveRouteRequest,
  QUILT_FILE,
  QUILT_RUNTIME,
} from "./wire.ts";

/** `quilt.QuiltRuntime` over a node: what the mesh agent calls. */
export function createQuiltRuntime(
  node: NodeService,
  logger: Logger,
): DescribedService {
  const unary = unaryHandlers(logger);
  return {
    file: QUILT_FILE,
    definition: QUILT_RUNTIME,
    implementation: {
      ConfigureNodeSubnet: unary({
        rpc: "ConfigureNodeSubnet",
        decode: decodeConfigureNodeSubnetRequest,
        carryOut: (request, call) => node.configureNodeSubnet(request.subnet, call),
        describe: configureCall,
        conclude: configureResult,
        reply: replyTo,
      }),
      InjectRoute: unary({
        rpc: "InjectRoute",
        decode: decodeInjectRouteRequest,
        carryOut: (request, call) =>
          node.injectRoute(request.destination, request.via_interface, call),
        describe: injectCall,
        conclude: injectResult,
        reply: replyTo,
      }),
      RemoveRoute: unary({
        rpc: "RemoveRoute",
        decode: decodeRemoveRouteRequest,
        carryOut: (request, call) => node.removeRoute(request.destination, call),
        describe: removeCall,
        conclude: removeResult,
        reply: replyTo,
      }),
    },
  };
}
