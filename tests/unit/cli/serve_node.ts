/** A node that this process serves to client commands, on the task's port. */
import assert from "node:assert/strict";
import { createAddressService } from "../../../src/api/addresses/service.ts";
import { CurrentFindings } from "../../../src/api/data_path/current_findings.ts";
import { createDataPathService } from "../../../src/api/data_path/service.ts";
import { createNodeNetworkService } from "../../../src/api/node_network/service.ts";
import { createRouteService } from "../../../src/api/routes/service.ts";
import { StreamLimiter } from "../../../src/api/stream_limiter.ts";
import type { NodeNetworkService } from "../../../src/addresses/ports.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { INSTALLED } from "../../../src/reconcile/outcome.ts";
import type { Activity, RouteService } from "../../../src/reconcile/ports.ts";
import { StatusFeed } from "../../../src/reconcile/status_feed.ts";
import { DEFAULT_LISTEN_ADDRESS } from "../../../src/transport/listen_address.ts";
import { startServer } from "../../../src/transport/server.ts";
import { MemoryDataPath } from "../api/memory_data_path.ts";
import { cidr, device } from "../api/outcomes.ts";
import { NETWORK } from "../api/pod_network.ts";

function unasked(): Promise<never> {
  return Promise.reject(new Error("not to be asked"));
}

const NODE: NodeNetworkService = {
  configureNodeSubnet: unasked,
  allocateAddress: unasked,
  releaseAddress: unasked,
  listAddresses: () => Promise.resolve({ kind: "listed", addresses: [], free: 253 }),
  nodeNetwork: () => Promise.resolve(NETWORK),
  lastConfigure: () => undefined,
  watchNodeNetwork: (listener) => {
    // Later, as from a queue: the stream is not ready before.
    queueMicrotask(() => listener(NETWORK));
    return () => {};
  },
};

/** One route, which the kernel has. */
function openTable(): RouteService {
  const feed = new StatusFeed();
  const route = { destination: cidr("10.42.2.0/24"), device: device("vxlan100") };
  feed.desired.put({ route, persisted: true, status: INSTALLED });
  feed.open();
  return {
    injectRoute: unasked,
    removeRoute: unasked,
    list: () => feed.list(),
    watch: (wake) => feed.watch(wake),
    sync: unasked,
  };
}

/** A sidecar that has repaired twice, and failed once. */
const ACTIVITY: Activity = {
  startedMs: Date.UTC(2026, 0, 1),
  repairs: 2,
  lastFailure: { atMs: Date.UTC(2026, 0, 2), sentence: "The kernel refused" },
};

const LINES = {
  auditLines: { written: 7, dropped: 0, head: "ab".repeat(32) },
  logLines: { written: 9, dropped: 0 },
};

function activity(): Activity {
  return ACTIVITY;
}

/** Serves a node with these findings; `undefined`: a sidecar that is too old for them. */
export async function serveNode(
  dataPath: MemoryDataPath | undefined,
): Promise<AsyncDisposable> {
  const sink = { write: () => {}, dropped: 0, flush: () => Promise.resolve() };
  const logger = createLogger({ level: "error", format: "text", sink });
  const streams = new StreamLimiter();
  const findings = new CurrentFindings(dataPath ?? new MemoryDataPath());
  const started = await startServer(DEFAULT_LISTEN_ADDRESS, [
    createNodeNetworkService(
      { network: NODE, findings, activity, options: [], ...LINES },
      streams,
      logger,
    ),
    createAddressService(NODE, logger),
    createRouteService(openTable(), findings, streams, logger),
    ...(dataPath === undefined
      ? []
      : [createDataPathService(dataPath, streams, logger)]),
  ]);
  assert.ok(started.ok);
  return {
    [Symbol.asyncDispose]: async () => {
      streams.endAll();
      await started.value.close(0);
    },
  };
}
