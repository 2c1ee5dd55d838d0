import type {
  ConfigureOutcome,
  NodeNetwork,
  NodeNetworkService,
} from "../../addresses/ports.ts";
import type { CurrentFinding } from "../../diagnose/ports.ts";
import type { Activity } from "../../reconcile/ports.ts";
import type { AuditCounts } from "../../observability/audit_trail.ts";
import type { LineCounts } from "../../observability/instruments.ts";
import type { Logger } from "../../observability/logger.ts";
import type { ServedService } from "../../shared/served_service.ts";
import { describeNotExecuted, succeeded } from "../call_messages.ts";
import { toFindingMessage } from "../data_path/messages.ts";
import type { GetNodeNetworkResponse } from "../gen/quilt/sidecar/v1/GetNodeNetworkResponse.ts";
import type { NodeNetwork as NodeNetworkMessage } from "../gen/quilt/sidecar/v1/NodeNetwork.ts";
import type { NodeNetworkServiceHandlers } from "../gen/quilt/sidecar/v1/NodeNetworkService.ts";
import type { WatchNodeNetworkResponse } from "../gen/quilt/sidecar/v1/WatchNodeNetworkResponse.ts";
import type { SidecarActivity } from "../gen/quilt/sidecar/v1/SidecarActivity.ts";
import { LatestValueStream } from "../latest_value_stream.ts";
import { NODE_NETWORK_SERVICE } from "../proto_registry.ts";
import { SIDECAR_VERSION } from "../../shared/versions.ts";
import type { StreamLimiter } from "../stream_limiter.ts";
import { toTimestamp } from "../times.ts";
import { type Reply, unaryHandlers } from "../unary_handler.ts";

/**
 * Milliseconds between two messages of a watch. Deno 2.9.3 takes every message off a
 * stream, even if the client does not read, and keeps it in memory. The interval bounds
 * that to 20 small messages a second, until the keepalive ping cuts off a dead client.
 */
const INTERVAL_MS = 50;

/** The sources of the service's answers. */
export interface NodeNetworkParts {
  readonly network: NodeNetworkService;
  /** What is wrong with the node as a whole, worst first. */
  readonly findings: { readonly ofNode: readonly CurrentFinding[] };
  readonly activity: () => Activity;
  /** The options of `serve` that were given, e.g. `--log-level=debug`. */
  readonly options: readonly string[];
  readonly auditLines: AuditCounts;
  readonly logLines: LineCounts;
}

/** `quilt.sidecar.v1.NodeNetworkService` over a node: Quilt reads its subnet from it. */
export function createNodeNetworkService(
  parts: NodeNetworkParts,
  streams: StreamLimiter,
  logger: Logger,
): ServedService {
  const { findings, network } = parts;
  const implementation: NodeNetworkServiceHandlers = {
    GetNodeNetwork: unaryHandlers(logger)({
      rpc: "GetNodeNetwork",
      execute: async () => ({
        current: await network.nodeNetwork(),
        lastConfigure: network.lastConfigure(),
      }),
      describeCall: () => ({ kind: "other", text: "GetNodeNetwork()" }),
      describeResult: () => succeeded(false),
      reply: ({ current, lastConfigure }): Reply<GetNodeNetworkResponse> => ({
        kind: "message",
        message: {
          node_network: toNodeNetworkMessage(current),
          refusal: describeRefusal(lastConfigure),
          findings: findings.ofNode.map(toFindingMessage),
          sidecar: toActivityMessage(parts),
        },
      }),
    }),
    WatchNodeNetwork(stream) {
      if (!streams.admit(stream)) return;
      logger.log("debug", "RPC: WatchNodeNetwork()", {
        rpc: "WatchNodeNetwork",
        peer: stream.getPeer(),
      });
      let latest: NodeNetwork | undefined;
      const takeLatest = (): WatchNodeNetworkResponse | undefined => {
        const taken = latest;
        latest = undefined;
        return taken && { node_network: toNodeNetworkMessage(taken) };
      };
      const responses = new LatestValueStream(stream, takeLatest, INTERVAL_MS);
      const unsubscribe = network.watchNodeNetwork((current) => {
        latest = current;
        responses.wake();
      });
      stream.once("cancelled", unsubscribe);
    },
  };
  return { definition: NODE_NETWORK_SERVICE, implementation };
}

/** Why a ConfigureNodeSubnet set no subnet; empty if it set one or there was none. */
function describeRefusal(outcome: ConfigureOutcome | undefined): string {
  if (outcome === undefined) return "";
  switch (outcome.kind) {
    case "configured":
      return "";
    case "refused":
      return outcome.sentence;
    default:
      return describeNotExecuted(outcome);
  }
}

function toActivityMessage(
  { activity, auditLines, logLines, options }: NodeNetworkParts,
): SidecarActivity {
  const { lastFailure, repairs, startedMs } = activity();
  return {
    version: SIDECAR_VERSION,
    started_at: toTimestamp(startedMs),
    repairs,
    last_failure: lastFailure?.sentence ?? "",
    last_failure_at: lastFailure === undefined ? null : toTimestamp(lastFailure.atMs),
    options: [...options],
    audit_head: auditLines.head,
    audit_written: auditLines.written,
    audit_lost: auditLines.dropped,
    log_lost: logLines.dropped,
  };
}

/** The node's network as a message. */
export function toNodeNetworkMessage(
  { clusterCidr, configured }: NodeNetwork,
): NodeNetworkMessage {
  return {
    subnet: configured?.subnet ?? "",
    gateway: configured?.gateway ?? "",
    cluster_cidr: clusterCidr,
    revision: configured?.revision ?? 0,
  };
}
