import type { handleServerStreamingCall } from "@grpc/grpc-js";
import type { Logger } from "../../observability/logger.ts";
import type { ConfigureOutcome } from "../../reconcile/node_service.ts";
import type { NodeNetwork, PodNetwork } from "../../addresses/pod_network.ts";
import type { DescribedService } from "../described_service.ts";
import { describeUndone, done } from "../quilt_runtime/log_lines.ts";
import { NewestWriter } from "../latest_value_stream.ts";
import type { OpenStreams } from "../stream_limiter.ts";
import { NODE_NETWORK_SERVICE, SIDECAR_FILE } from "../sidecar_package.ts";
import { unaryHandlers } from "../unary_handler.ts";
import type { NodeNetworkMessage, NodeNetworkResponse } from "../addresses/wire.ts";

/**
 * Milliseconds in which changes are gathered after each message: Deno 2.9.3 takes every
 * message off a stream, whether or not its client reads, and holds it in memory. So
 * these are 20 small ones a second at most, until the ping cuts off who is not there.
 */
const GATHER_MS = 50;

/** `quilt.sidecar.v1.NodeNetworkService` over a node: what Quilt learns its subnet from. */
export function createNodeNetworkService(
  network: PodNetwork,
  streams: OpenStreams,
  logger: Logger,
): DescribedService {
  const watch: handleServerStreamingCall<unknown, NodeNetworkResponse> = (stream) => {
    if (!streams.admit(stream)) return;
    logger.log("debug", "RPC: WatchNodeNetwork()");
    let newest: NodeNetwork | undefined;
    const writer = new NewestWriter<NodeNetworkResponse>(stream, () => {
      const now = newest;
      newest = undefined;
      return now === undefined ? undefined : { node_network: toMessage(now) };
    }, GATHER_MS);
    const end = network.watchNodeNetwork((now) => {
      newest = now;
      writer.wake();
    });
    stream.once("cancelled", end);
  };
  return {
    file: SIDECAR_FILE,
    definition: NODE_NETWORK_SERVICE,
    implementation: {
      GetNodeNetwork: unaryHandlers(logger)({
        rpc: "GetNodeNetwork",
        decode: () => undefined,
        carryOut: async () => ({
          now: await network.nodeNetwork(),
          refusal: describeRefusal(network.lastConfigure()),
        }),
        describe: () => ({ kind: "other", text: "GetNodeNetwork()" }),
        conclude: () => done(false),
        reply: ({ now, refusal }) => ({
          kind: "message",
          message: { node_network: toMessage(now), refusal },
        }),
      }),
      WatchNodeNetwork: watch,
    },
  };
}

/** Why a ConfigureNodeSubnet set no subnet; empty if it did. */
function describeRefusal(outcome: ConfigureOutcome | undefined): string {
  if (outcome === undefined) return "";
  switch (outcome.kind) {
    case "configured":
      return "";
    case "refused":
      return outcome.sentence;
    default:
      return describeUndone(outcome);
  }
}

/** The node's network as it goes over the wire. */
export function toMessage(
  { clusterCidr, configured }: NodeNetwork,
): NodeNetworkMessage {
  return {
    subnet: configured?.subnet ?? "",
    gateway: configured?.gateway ?? "",
    cluster_cidr: clusterCidr,
    revision: configured?.revision ?? 0,
  };
}
