import type { Logger } from "../log.ts";
import type { NodeService } from "../node_service.ts";
import type { DescribedService } from "./described_service.ts";
import { configureLines, injectLines, removeLines } from "./log_lines.ts";
import { replyTo, unaryHandler } from "./unary.ts";
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
  return {
    file: QUILT_FILE,
    definition: QUILT_RUNTIME,
    implementation: {
      ConfigureNodeSubnet: unaryHandler({
        rpc: "ConfigureNodeSubnet",
        decode: decodeConfigureNodeSubnetRequest,
        carryOut: (request, call) => node.configureNodeSubnet(request.subnet, call),
        describe: configureLines,
        reply: replyTo,
      }, logger),
      InjectRoute: unaryHandler({
        rpc: "InjectRoute",
        decode: decodeInjectRouteRequest,
        carryOut: (request, call) =>
          node.injectRoute(request.destination, request.via_interface, call),
        describe: injectLines,
        reply: replyTo,
      }, logger),
      RemoveRoute: unaryHandler({
        rpc: "RemoveRoute",
        decode: decodeRemoveRouteRequest,
        carryOut: (request, call) => node.removeRoute(request.destination, call),
        describe: removeLines,
        reply: replyTo,
      }, logger),
    },
  };
}
