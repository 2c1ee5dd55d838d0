import {
  createLineSink,
  type LineSink,
  writeLine,
} from "../observability/line_writer.ts";
import {
  createLogger,
  formatLine,
  type LogFormat,
  type Logger,
} from "../observability/logger.ts";
import { type OpenNode, openNode } from "../sidecar.ts";
import { createAddressService } from "../api/addresses/service.ts";
import { containError } from "../transport/error_containment.ts";
import type { DescribedService } from "../api/described_service.ts";
import { Health } from "../api/health/service.ts";
import {
  DEFAULT_LISTEN_ADDRESS,
  formatListenAddress,
} from "../transport/listen_address.ts";
import {
  describeListenError,
  isGranted,
  type ListenError,
} from "../transport/listen_error.ts";
import { createNodeNetworkService } from "../api/node_network/service.ts";
import { OpenStreams } from "../api/stream_limiter.ts";
import { createQuiltRuntime } from "../api/quilt_runtime/service.ts";
import { requestLimit } from "../api/request_limit.ts";
import { createRouteService } from "../api/routes/service.ts";
import { type RpcServer, startServer } from "../transport/server.ts";
import { composeServices } from "../api/services.ts";
import {
  describeSessionLimit,
  disconnectLogger,
  handshakeErrorLogger,
} from "../transport/connection_log.ts";
import { earlyLine } from "./early_line.ts";
import { EXIT_FAILURE, EXIT_HAND_OVER, EXIT_OK, EXIT_USAGE } from "./exit_codes.ts";
import { parseServeFlags, SERVE_HELP, type ServeOptions } from "./serve_flags.ts";
import { rehearse } from "../warm_up.ts";
import { logRuntimeWarnings } from "../observability/runtime_warnings.ts";
import { listenForSignals, type StopSignals } from "./stop_signals.ts";
import { type LoadedTls, loadTls } from "../transport/tls/certificate_reload.ts";
import { describeUnexpected, firstUncaught } from "./uncaught.ts";

/** Some 10,000 lines: more than a reader that is alive ever falls behind. */
const LOG_BACKLOG = { bytes: 1024 * 1024 };
/** The trail is worth more memory than the log. */
const AUDIT_BACKLOG = { bytes: 4 * 1024 * 1024 };

/**
 * Serves until a stop signal, then lets what is in flight finish; a second one ends it at
 * once. The human log goes to standard error, the audit trail to standard output.
 *
 * @param args the words after `serve`
 * @returns the exit code: 0 after a signal, 1 if it could not run or go on, 2 for wrong
 * options, 75 if another process is to take over, 129 to 143 (128 and the signal's number)
 * after a second signal
 */
export async function serve(args: readonly string[]): Promise<number> {
  const command = parseServeFlags(args);
  if (!command.ok) {
    await writeLine(Deno.stderr, earlyLine(args, command.fault));
    return EXIT_USAGE;
  }
  if (command.value.kind === "help") {
    await writeLine(Deno.stdout, SERVE_HELP);
    return EXIT_OK;
  }
  return await serveAndLog(command.value.options);
}

async function serveAndLog(options: ServeOptions): Promise<number> {
  const { logLevel: level, logFormat: format } = options;
  const logger = createLogger({ level, format, sink: openLog(format) });
  logRuntimeWarnings(logger);
  const auditSink = createLineSink(Deno.stdout, AUDIT_BACKLOG, describeAuditGap);
  const signals = listenForSignals((name) =>
    logger.log("info", `${name} means nothing here; SIGTERM stops the sidecar`)
  );
  const unexpected = (cause: unknown): number => {
    logger.log("error", describeUnexpected(cause, "serve"));
    return EXIT_FAILURE;
  };
  const code = await Promise.race([
    run(options, logger, auditSink, signals).catch(unexpected),
    firstUncaught(containError).then(unexpected),
    signals.second,
  ]);
  await Promise.all([auditSink.flush(), logger.flush()]);
  return code;
}

async function run(
  options: ServeOptions,
  logger: Logger,
  auditSink: LineSink,
  signals: StopSignals,
): Promise<number> {
  const { listen } = options;
  // Asked before the kernel is: a wrong option must have no effect at all. A socket that
  // was handed over is bound already: Deno asks for nothing.
  if (listen.kind !== "fd" && !isGranted(listen)) {
    return explain({ kind: "not-granted", address: listen }, logger);
  }
  const tls = await loadTls(options.tls);
  if (!tls.ok) {
    logger.log("error", tls.fault);
    return EXIT_FAILURE;
  }
  const streams = new OpenStreams();
  const health = new Health(streams);
  const onKernel = (fault?: string): void => followKernel(fault, health, logger);
  const node = openNode({ ...options, logger, auditSink, onKernel });
  const services = composeServices(ownServices(node, streams, logger), health, streams);
  node.watch();
  const worn = Promise.withResolvers<number>();
  const server = await startServer(listen, services, {
    maxRequestBytes: requestLimit(options.policy),
    socketMode: options.socketMode,
    healthStatus: () => health.status(),
    tls: tls.value?.material,
    onHandshakeError: handshakeErrorLogger(logger),
    onDisconnect: disconnectLogger(logger),
    onSessionLimit: (sessions) => {
      // Only who was handed a socket is started again, and nobody finds it closed.
      if (listen.kind === "fd") worn.resolve(sessions);
      else {logger.log(
          "warn",
          describeSessionLimit(sessions, options.removeRoutesOnExit),
        );}
    },
  });
  const code = server.ok
    ? await serveUntilSignal(options, {
      node,
      server: server.value,
      tls: tls.value,
      health,
      streams,
      logger,
      signals,
      worn: worn.promise,
    })
    : explain(server.fault, logger);
  await node.close(code === EXIT_HAND_OVER);
  return code;
}

function ownServices(
  node: OpenNode,
  streams: OpenStreams,
  logger: Logger,
): readonly DescribedService[] {
  return [
    createQuiltRuntime(node, logger),
    createNodeNetworkService(node.podNetwork, streams, logger),
    createAddressService(node.podNetwork, logger),
    createRouteService(node.routes, streams, logger),
  ];
}

/** What is there once the port is ours. */
interface Serving {
  readonly node: OpenNode;
  readonly server: RpcServer;
  readonly tls: LoadedTls | undefined;
  readonly health: Health;
  readonly streams: OpenStreams;
  readonly logger: Logger;
  readonly signals: StopSignals;
  /** Resolves with the count of HTTP/2 sessions when another process is to take over. */
  readonly worn: Promise<number>;
}

/** The contract's line says that calls are welcome: it is written when all is warm. */
async function serveUntilSignal(
  { logFormat, tls: files }: ServeOptions,
  { node, server, tls, health, streams, logger, signals, worn }: Serving,
): Promise<number> {
  const started = await node.start({ address: server.address, tls: files });
  if (!started.ok) {
    logger.log("error", started.fault);
    return EXIT_FAILURE;
  }
  // Who is there already would wait for it.
  if (!server.hasConnections) await rehearse(server, logFormat);
  tls?.reloadOnChange((material) => server.reloadTls(material), logger);
  health.clear("starting");
  logger.log("info", `Starting gRPC server on ${formatListenAddress(server.address)}`);
  const reason = await Promise.race([signals.first, worn]);
  const isWorn = typeof reason === "number";
  node.unwatch();
  logger.log("info", isWorn ? describeHandOver(reason) : `Stopping on ${reason}`);
  health.hinder("stopping");
  streams.endAll();
  await server.close();
  // Who says stop while another process was to take over means it.
  return isWorn && !signals.stopping ? EXIT_HAND_OVER : EXIT_OK;
}

function describeHandOver(sessions: number): string {
  return `Handing over to a new process after ${sessions} connections, of each of which ` +
    "Deno keeps some 30 KB; what comes meanwhile waits in the socket";
}

/** Probes and load balancers see that the kernel does not answer; the log says why. */
function followKernel(
  fault: string | undefined,
  health: Health,
  logger: Logger,
): void {
  if (fault === undefined) {
    if (health.clear("kernel")) logger.log("info", "Health is SERVING again");
  } else if (health.hinder("kernel")) {
    logger.log("warn", `Health is NOT_SERVING, the kernel does not answer: ${fault}`);
  }
}

function explain(fault: ListenError, logger: Logger): number {
  logger.log("error", describeListenError(fault, isGranted(DEFAULT_LISTEN_ADDRESS)));
  return fault.kind === "not-granted" ? EXIT_USAGE : EXIT_FAILURE;
}

function openLog(format: LogFormat): LineSink {
  return createLineSink(Deno.stderr, LOG_BACKLOG, (count) => {
    const message = `${count} lines of this log were dropped: nobody read them in time`;
    return formatLine(format, new Date(), "warn", message);
  });
}

/** The trail is JSON throughout; its sequence numbers tell which records are missing. */
function describeAuditGap(count: number): string {
  return JSON.stringify({ time: new Date().toISOString(), dropped: count });
}
