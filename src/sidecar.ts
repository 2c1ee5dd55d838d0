/**
 * The composition root: puts the node, the API and the transport together, starts them in
 * their order and stops them.
 */
import { createAddressService } from "./api/addresses/service.ts";
import { CurrentFindings } from "./api/data_path/current_findings.ts";
import { readinessOf } from "./api/data_path/readiness.ts";
import { createDataPathService } from "./api/data_path/service.ts";
import { Health } from "./api/health/service.ts";
import { instrumentService } from "./api/instrumented_service.ts";
import { createNodeNetworkService } from "./api/node_network/service.ts";
import { createQuiltRuntime } from "./api/quilt_runtime/service.ts";
import { requestLimit } from "./api/request_limit.ts";
import { createRouteService } from "./api/routes/service.ts";
import { composeServices, logCountsEachMinute } from "./api/services.ts";
import { StreamLimiter } from "./api/stream_limiter.ts";
import { type NodeOptions, type OpenNode, openNode } from "./node.ts";
import type { AuditCounts } from "./observability/audit_trail.ts";
import {
  createInstruments,
  type LineCounts,
  observeState,
} from "./observability/instruments.ts";
import type { LogFormat } from "./observability/logger.ts";
import { createMeters, type Meters } from "./observability/meters.ts";
import { MetricsPage } from "./observability/metrics_page.ts";
import type { ServedService } from "./shared/served_service.ts";
import { SIDECAR_VERSION } from "./shared/versions.ts";
import {
  describeSessionLimit,
  disconnectLogger,
  handshakeErrorLogger,
} from "./transport/connection_log.ts";
import {
  DEFAULT_LISTEN_ADDRESS,
  formatListenAddress,
  type ListenAddress,
} from "./transport/listen_address.ts";
import {
  describeListenError,
  isGranted,
  type ListenError,
} from "./transport/listen_error.ts";
import { type RpcServer, startServer } from "./transport/server.ts";
import { type LoadedTls, loadTls } from "./transport/tls/certificate_reload.ts";
import type { TlsFiles } from "./transport/tls/files.ts";
import { warmUp } from "./warm_up.ts";

/** How a sidecar runs. */
export interface SidecarOptions extends Omit<NodeOptions, "instruments" | "onKernel"> {
  readonly listen: ListenAddress;
  /** Permission bits of a Unix socket, as in chmod(2). */
  readonly socketMode: number;
  readonly tls: TlsFiles | undefined;
  readonly logFormat: LogFormat;
  /** The options that were given, e.g. `--log-level=debug`: for a bug report. */
  readonly givenOptions: readonly string[];
  /** How many lines the audit log has whenever metrics are collected. */
  readonly auditLines: AuditCounts;
  /** The same of the log. */
  readonly logLines: LineCounts;
  /** Called once, when it listens and before it changes anything; not if it fails before. */
  readonly onListening: () => void;
  /** Called once, when calls are served; not if it fails before. */
  readonly onServing: () => void;
}

/** What asks a sidecar to stop. */
export interface StopRequests {
  /** Resolves with the name of the first stop signal. */
  readonly first: Promise<string>;
  /** True once a stop signal came. */
  readonly stopping: boolean;
}

/** Why a sidecar has ended. */
export type SidecarEnd =
  | "stopped"
  | "failed"
  /** The sandbox does not grant the address. */
  | "not-granted"
  /** Another process is to take over the socket at once. */
  | "hand-over";

/** Runs a sidecar until it is asked to stop, then lets what is in flight finish. */
export async function runSidecar(
  options: SidecarOptions,
  stop: StopRequests,
): Promise<SidecarEnd> {
  const { listen, logger } = options;
  // Asked before the kernel is: a wrong option must have no effect at all. A socket that
  // was handed over is bound already: Deno asks for nothing.
  if (listen.kind !== "fd" && !isGranted(listen)) {
    return explain({ kind: "not-granted", address: listen }, options);
  }
  const tls = await loadTls(options.tls);
  if (!tls.ok) {
    logger.log("error", tls.fault);
    return "failed";
  }
  const streams = new StreamLimiter();
  const health = new Health(streams);
  const onKernel = (fault?: string): void => followKernel(fault, health, options);
  const meters = createMeters(SIDECAR_VERSION);
  const instruments = createInstruments(meters.all);
  const node = openNode({ ...options, onKernel, instruments });
  const findings = new CurrentFindings(node.dataPath);
  health.followDataPath(findings);
  const services = composeServices(
    ownServices(node, findings, streams, options)
      .map((service) => instrumentService(service, instruments)),
    health,
    streams,
  );
  node.watch();
  const endCounts = logCountsEachMinute(services);
  const page = new MetricsPage({
    collect: () => meters.collect(),
    isBusy: () => node.gauges.queueDepth() > 0,
    onFault: (sentence) => logger.log("warn", sentence),
  });
  const sessionLimit = Promise.withResolvers<number>();
  const server = await startServer(listen, services, {
    maxRequestBytes: requestLimit(options.policy),
    socketMode: options.socketMode,
    healthStatus: () => health.status(),
    readiness: () => readinessOf(health.status(), findings),
    metrics: (accept) => page.render(accept),
    tls: tls.value?.material,
    onHandshakeError: handshakeErrorLogger(logger),
    onDisconnect: disconnectLogger(logger),
    onRefused: instruments.refused,
    onSessionLimit: (sessions) => {
      // Only an inherited socket has a service manager that starts the next process, and
      // no client finds it closed.
      if (listen.kind === "fd") return sessionLimit.resolve(sessions);
      logger.log("warn", describeSessionLimit(sessions, options.removeRoutesOnExit));
    },
  });
  if (server.ok) observe(meters, { node, server: server.value, streams }, options);
  const end = server.ok
    ? await serveUntilStop(options, stop, {
      node,
      server: server.value,
      tls: tls.value,
      health,
      streams,
      sessionLimit: sessionLimit.promise,
    })
    : explain(server.fault, options);
  endCounts();
  await node.close(end === "hand-over");
  return end;
}

/** Lets the metrics show how things are whenever they are collected. */
function observe(
  meters: Meters,
  { node, server, streams }: Pick<Serving, "node" | "server" | "streams">,
  { auditLines, logLines }: SidecarOptions,
): void {
  observeState(meters.all, {
    ...node.gauges,
    connections: () => server.connections,
    streams: () => streams.open,
    auditLines,
    logLines,
    version: SIDECAR_VERSION,
    denoVersion: Deno.version.deno,
  });
}

function ownServices(
  node: OpenNode,
  findings: CurrentFindings,
  streams: StreamLimiter,
  { auditLines, givenOptions: options, logger, logLines }: SidecarOptions,
): readonly ServedService[] {
  const { dataPath, network, routes } = node;
  const activity = () => node.activity();
  return [
    createQuiltRuntime({ network, routes }, logger),
    createNodeNetworkService(
      { network, findings, activity, options, auditLines, logLines },
      streams,
      logger,
    ),
    createAddressService(network, logger),
    createRouteService(routes, findings, streams, logger),
    createDataPathService(dataPath, streams, logger),
  ];
}

/** What there is once the server listens. */
interface Serving {
  readonly node: OpenNode;
  readonly server: RpcServer;
  readonly tls: LoadedTls | undefined;
  readonly health: Health;
  readonly streams: StreamLimiter;
  /** Resolves with the count of HTTP/2 sessions when another process is to take over. */
  readonly sessionLimit: Promise<number>;
}

/** The contract's line says that calls are welcome: it is written when all is warm. */
async function serveUntilStop(
  { logFormat, logger, onListening, onServing, tls: files }: SidecarOptions,
  stop: StopRequests,
  { health, node, server, sessionLimit, streams, tls }: Serving,
): Promise<SidecarEnd> {
  const { address } = server;
  onListening();
  const started = await node.start(server.listening, { address, tls: files });
  if (!started.ok) {
    logger.log("error", started.fault);
    return "failed";
  }
  // A client that is connected already would wait for it.
  if (server.connections === 0) await warmUp(server, logFormat);
  tls?.reloadOnChange((material) => server.reloadTls(material), logger);
  health.clearNotServing("starting");
  logger.log("info", `Starting gRPC server on ${formatListenAddress(address)}`);
  onServing();
  const reason = await Promise.race([stop.first, sessionLimit]);
  const handsOver = typeof reason === "number";
  node.unwatch();
  logger.log("info", handsOver ? describeHandOver(reason) : `Stopping on ${reason}`);
  health.setNotServing("stopping");
  streams.endAll();
  await server.close();
  // A stop signal during the hand-over means a stop.
  return handsOver && !stop.stopping ? "hand-over" : "stopped";
}

function describeHandOver(sessions: number): string {
  return `Handing over to a new process after ${sessions} connections, because Deno ` +
    "keeps about 30 KB of each; new connections wait in the socket";
}

/** Probes and load balancers see that the kernel does not answer; the log says why. */
function followKernel(
  fault: string | undefined,
  health: Health,
  { logger }: SidecarOptions,
): void {
  if (fault === undefined) {
    if (health.clearNotServing("kernel")) logger.log("info", "Health is SERVING again");
  } else if (health.setNotServing("kernel")) {
    logger.log("warn", `Health is NOT_SERVING, the kernel does not answer: ${fault}`);
  }
}

function explain(error: ListenError, { logger }: SidecarOptions): SidecarEnd {
  logger.log("error", describeListenError(error, isGranted(DEFAULT_LISTEN_ADDRESS)));
  return error.kind === "not-granted" ? "not-granted" : "failed";
}
