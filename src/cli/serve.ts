import { createBufferedLineWriter, type LineWriter, writeLine } from "../observability/buffered_line_writer.ts";
import { createLogger, formatLine, type LogFormat, type Logger } from "../observability/logger.ts";
import { type OpenNode, openNode } from "../node.ts";
import { createAddressService } from "../api/addresses/service.ts";
import { endConnectionFor } from "../transport/connection_error.ts";
import { Health } from "../api/health/service.ts";
import { DEFAULT_LISTEN_ADDRESS, formatListenAddress } from "../transport/listen_address.ts";
import { describeListenFault, isGranted, type ListenFault } from "../transport/listen_fault.ts";
import { createNodeNetworkService } from "../api/node_network/service.ts";
import { StreamLimiter } from "../api/stream_limiter.ts";
import { createQuiltRuntime } from "../api/quilt_runtime/service.ts";
import { requestLimit } from "../api/request_limit.ts";
import { createRouteService } from "../api/routes/service.ts";
import { type RpcServer, type ServedService, startServer } from "../transport/server.ts";
import { composeServices } from "../api/services.ts";
import { cutTeller, describeWorn } from "../transport/disconnect_log.ts";
import { describeUnexpectedError, EXIT_FAILURE, EXIT_HAND_OVER, EXIT_OK, EXIT_USAGE, formatEarlyError } from "./exit.ts";
import { parseServeFlags, SERVE_HELP, type ServeOptions } from "./serve_flags.ts";
import { rehearse } from "../warm_up.ts";
import { logRuntimeWarnings } from "../observability/runtime_warnings.ts";
import { firstUncaughtError, listenForStopSignals, type StopSignals } from "./process_events.ts";
import { type OpenTls, openTls, refusalTeller } from "../transport/tls/configure.ts";

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
    await writeLine(Deno.stderr, formatEarlyError(args, command.fault));
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
  const auditSink = createBufferedLineWriter(
    Deno.stdout,
    AUDIT_BACKLOG,
    describeAuditGap,
  );
  const signals = listenForStopSignals((name) =>
    logger.log("info", `${name} means nothing here; SIGTERM stops the sidecar`)
  );
  const unexpected = (cause: unknown): number => {
    logger.log("error", describeUnexpectedError(cause, "serve"));
    return EXIT_FAILURE;
  };
  const code = await Promise.race([
    run(options, logger, auditSink, signals).catch(unexpected),
    firstUncaughtError(endConnectionFor).then(unexpected),
    signals.second,
  ]);
  await Promise.all([auditSink.flush(), logger.flush()]);
  return code;
}

async function run(
  options: ServeOptions,
  logger: Logger,
  auditSink: LineWriter,
  signals: StopSignals,
): Promise<number> {
  const { listen } = options;
  // Asked before the kernel is: a wrong option must have no effect at all. A socket that
  // was handed over is bound already: Deno asks for nothing.
  if (listen.kind !== "fd" && !isGranted(listen)) {
    return explain({ kind: "not-granted", address: listen }, logger);
  }
  const tls = await openTls(options.tls);
  if (!tls.ok) {
    logger.log("error", tls.fault);
    return EXIT_FAILURE;
  }
  const streams = new StreamLimiter();
  const health = new Health(streams);
  const onKernel = (fault?: string): void => followKernel(fault, health, logger);
  const node = openNode({ ...options, logger, auditSink, onKernel });
  const services = composeServices(ownServices(node, streams, logger), health, streams);
  node.watch();
  const worn = Promise.withResolvers<number>();
  const server = await startServer(listen, services, {
    requestBytes: requestLimit(options.policy),
    socketMode: options.socketMode,
    health: () => health.status(),
    tls: tls.value?.material,
    refused: refusalTeller(logger),
    cut: cutTeller(logger),
    worn: (sessions) => {
      // Only who was handed a socket is started again, and nobody finds it closed.
      if (listen.kind === "fd") worn.resolve(sessions);
      else logger.log("warn", describeWorn(sessions, options.removeRoutesOnExit));
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
  streams: StreamLimiter,
  logger: Logger,
): readonly ServedService[] {
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
  readonly tls: OpenTls | undefined;
  readonly health: Health;
  readonly streams: StreamLimiter;
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
  if (!server.visited) await rehearse(server, logFormat);
  tls?.follow(server, logger);
  health.clearNotServing("starting");
  logger.log("info", `Starting gRPC server on ${formatListenAddress(server.address)}`);
  const reason = await Promise.race([signals.first, worn]);
  const isWorn = typeof reason === "number";
  node.unwatch();
  logger.log("info", isWorn ? describeHandOver(reason) : `Stopping on ${reason}`);
  health.setNotServing("stopping");
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
    if (health.clearNotServing("kernel")) logger.log("info", "Health is SERVING again");
  } else if (health.setNotServing("kernel")) {
    logger.log("warn", `Health is NOT_SERVING, the kernel does not answer: ${fault}`);
  }
}

function explain(fault: ListenFault, logger: Logger): number {
  logger.log("error", describeListenFault(fault, isGranted(DEFAULT_LISTEN_ADDRESS)));
  return fault.kind === "not-granted" ? EXIT_USAGE : EXIT_FAILURE;
}

function openLog(format: LogFormat): LineWriter {
  return createBufferedLineWriter(Deno.stderr, LOG_BACKLOG, (count) => {
    const message = `${count} lines of this log were dropped: nobody read them in time`;
    return formatLine(format, new Date(), "warn", message);
  });
}

/** The trail is JSON throughout; its sequence numbers tell which records are missing. */
function describeAuditGap(count: number): string {
  return JSON.stringify({ time: new Date().toISOString(), dropped: count });
}
