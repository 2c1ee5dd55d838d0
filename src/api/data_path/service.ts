import { status } from "@grpc/grpc-js";
import type { DataPathService, Diagnosis } from "../../diagnose/ports.ts";
import type { Logger } from "../../observability/logger.ts";
import type { ServedService } from "../../shared/served_service.ts";
import { succeeded } from "../call_messages.ts";
import type { DataPathServiceHandlers } from "../gen/quilt/sidecar/v1/DataPathService.ts";
import type { WatchFindingsResponse } from "../gen/quilt/sidecar/v1/WatchFindingsResponse.ts";
import { LatestValueStream } from "../latest_value_stream.ts";
import { DATA_PATH_SERVICE } from "../proto_registry.ts";
import type { StreamLimiter } from "../stream_limiter.ts";
import { unaryHandlers } from "../unary_handler.ts";
import { WatchBudget } from "../watch_budget.ts";
import { probeResult } from "./log_lines.ts";
import { toDiagnosisMessage, toListReply, toProbeReply } from "./messages.ts";

/** `quilt.sidecar.v1.DataPathService` over a node: whether traffic flows. */
export function createDataPathService(
  dataPath: DataPathService,
  streams: StreamLimiter,
  logger: Logger,
): ServedService {
  const unary = unaryHandlers(logger);
  const implementation: DataPathServiceHandlers = {
    ListFindings: unary({
      rpc: "ListFindings",
      execute: () => dataPath.latest(),
      describeCall: () => ({ kind: "other", text: "ListFindings()" }),
      describeResult: () => succeeded(false),
      reply: toListReply,
    }),
    WatchFindings: watchFindings(dataPath, streams, logger),
    ProbePeers: unary({
      rpc: "ProbePeers",
      execute: (_, call) => dataPath.probe(call),
      describeCall: () => ({ kind: "other", text: "ProbePeers()" }),
      describeResult: probeResult,
      reply: toProbeReply,
    }),
  };
  return { definition: DATA_PATH_SERVICE, implementation, logCounts: unary.logCounts };
}

/** Milliseconds between two messages of a watch. */
const INTERVAL_MS = 50;

/** How many findings one watch carries at most, some 8 MB. */
const MAX_FINDINGS = 16_384;
const MAX_FINDINGS_OF_ALL = 65_536;

/** WatchFindings: the present findings first, then all findings after each change. */
function watchFindings(
  dataPath: DataPathService,
  streams: StreamLimiter,
  logger: Logger,
): DataPathServiceHandlers["WatchFindings"] {
  const budget = new WatchBudget(MAX_FINDINGS, MAX_FINDINGS_OF_ALL);
  return (stream) => {
    if (!streams.admit(stream)) return;
    logger.log("debug", "RPC: WatchFindings()", {
      rpc: "WatchFindings",
      peer: stream.getPeer(),
    });
    const allowance = budget.open();
    let latest: Diagnosis | undefined;
    let isFirst = true;
    const takeLatest = (): WatchFindingsResponse | undefined => {
      const taken = latest;
      latest = undefined;
      if (taken === undefined) return undefined;
      // The first message does not count, or a long list could never be watched.
      const limit = allowance.exceeds(isFirst ? 0 : messageWeight(taken));
      isFirst = false;
      if (limit === undefined) return toDiagnosisMessage(taken);
      unwatch();
      const details = `This watch has carried ${limit} findings; watch again`;
      stream.emit("error", { code: status.UNAVAILABLE, details });
      return undefined;
    };
    const responses = new LatestValueStream(stream, takeLatest, INTERVAL_MS);
    const unwatch = dataPath.watch((diagnosis) => {
      latest = diagnosis;
      responses.wake();
    });
    stream.once("cancelled", () => {
      allowance.close();
      unwatch();
    });
  };
}

/** A message counts as one finding more than it has, so an empty one counts as well. */
function messageWeight({ findings }: Diagnosis): number {
  return findings.length + 1;
}
