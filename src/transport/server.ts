/**
 * The transport: how the services are reached. It listens, accepts connections, limits
 * them, and serves gRPC over HTTP/2, in the clear or over TLS (`tls/`).
 *
 * ```text
 * listener → connection gate → [TLS acceptor] → protocol sniffer → connections → grpc-js
 *            accept limiter                     GET /healthz,      client input: frame
 *                                               /readyz, /metrics  budget, call limiter
 * ```
 *
 * This folder imports src/shared, types of src/observability, and packages. It does not
 * know the services.
 */
import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServiceDefinition,
  setLogVerbosity,
} from "@grpc/grpc-js";
import type { Duplex } from "node:stream";
import { Listening } from "../shared/listening.ts";
import { ok, type Result } from "../shared/result.ts";
import type { ServedService } from "../shared/served_service.ts";
import { ConnectionGate, type ConnectionGateOptions } from "./connection_gate.ts";
import type { OpenedStream } from "./error_containment.ts";
import { http2ServerOf } from "./http2_sessions.ts";
import type { ListenAddress } from "./listen_address.ts";
import type { ListenError } from "./listen_error.ts";
import type { PageSource } from "./pages.ts";
import type { RequestContext } from "./request_head.ts";
import { screenStream } from "./screened_stream.ts";
import type { TlsMaterial } from "./tls/files.ts";

/** A server that listens. */
export interface RpcServer {
  /** The bound address, with the port that the system chose for port 0. */
  readonly address: ListenAddress;
  /** For components that write only while this process listens. */
  readonly listening: Listening;
  /** The number of connected clients. */
  readonly connections: number;
  /** Serves one more service from now on. */
  addService(service: ServedService): void;
  /** Answers UNIMPLEMENTED to calls of the service from now on. */
  removeService(definition: ServiceDefinition): void;
  /** Uses this material for new TLS connections. Open connections stay as they are. */
  reloadTls(material: TlsMaterial): void;
  /** Serves HTTP/2 on a connection from within this process, without limits. */
  injectConnection(connection: Duplex): void;
  /**
   * Graceful shutdown: accepts no more connections, sends GOAWAY to every client, and waits
   * until all calls that were sent by then are answered. A client that connects in the
   * meantime is refused; on an inherited socket it waits for the next server.
   *
   * @param timeoutMs in milliseconds; default: 5000
   */
  close(timeoutMs?: number): Promise<void>;
}

/** How a server is set up. */
export interface ServerSettings extends ConnectionGateOptions, Partial<PageSource> {
  /**
   * The longest request message in bytes. A longer one is answered RESOURCE_EXHAUSTED before
   * it is buffered. @default 16 KiB
   */
  readonly maxRequestBytes?: number;
}

const SHUTDOWN_TIMEOUT_MS = 5_000;
const DEFAULT_MAX_REQUEST_BYTES = 16 * 1024;

const SERVER_OPTIONS: ServerOptions = {
  // Calls in flight on a connection: 32 take about 3 ms.
  "grpc.max_concurrent_streams": 32,
  "grpc.enable_channelz": 0,
  // A client that no longer answers, or that reads nothing, is disconnected after 80 s.
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 20_000,
};

/**
 * SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113, 6.5.2), the same as in gRPC's other libraries. A
 * stream that exceeds it ends with ENHANCE_YOUR_CALM, which every gRPC library reports as
 * RESOURCE_EXHAUSTED.
 */
const MAX_HEADER_LIST_BYTES = 16 * 1024;

// grpc-js would write lines of its own to standard error.
setLogVerbosity(logVerbosity.NONE);

/**
 * Listens and serves. A probe that has no source is answered NOT_SERVING; without metrics
 * there is no such page.
 */
export async function startServer(
  address: ListenAddress,
  services: readonly ServedService[],
  settings: ServerSettings = {},
): Promise<Result<RpcServer, ListenError>> {
  const { maxRequestBytes = DEFAULT_MAX_REQUEST_BYTES } = settings;
  const pages: PageSource = {
    healthStatus: settings.healthStatus ?? (() => "NOT_SERVING"),
    readiness: settings.readiness ?? (() => ({ status: "NOT_SERVING", reasons: [] })),
    metrics: settings.metrics,
  };
  const server = new Server({
    ...SERVER_OPTIONS,
    "grpc.max_receive_message_length": maxRequestBytes,
  });
  const paths = new Set<string>();
  const addService = ({ definition, implementation }: ServedService): void => {
    server.addService(definition, implementation);
    for (const { path } of Object.values(definition)) paths.add(path);
  };
  const removeService = (definition: ServiceDefinition): void => {
    server.removeService(definition);
    for (const { path } of Object.values(definition)) paths.delete(path);
  };
  services.forEach(addService);
  const context: RequestContext = {
    ...pages,
    isServed: (path) => paths.has(path),
  };
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const http2Server = http2ServerOf(server);
  http2Server.updateSettings({ maxHeaderListSize: MAX_HEADER_LIST_BYTES });
  http2Server.on("session", (session) => gate.onSession(session));
  const serve = (connection: Duplex): void => injector.injectConnection(connection);
  const screen = ({ headers, stream }: OpenedStream) =>
    screenStream(stream, headers, context);
  const gate = new ConnectionGate({ maxRequestBytes, pages, screen, serve }, settings);
  const opened = await gate.open(address);
  if (!opened.ok) {
    gate.abandon();
    return opened;
  }
  return ok({
    address: opened.value,
    listening: new Listening(),
    get connections() {
      return gate.connections;
    },
    addService,
    removeService,
    reloadTls: (material) => gate.reloadTls(material),
    injectConnection: serve,
    close: (timeoutMs = SHUTDOWN_TIMEOUT_MS) => shutDown(server, gate, timeoutMs),
  });
}

/**
 * A call that is unanswered at the timeout ends with the process, and its client sees
 * UNAVAILABLE: grpc-js's forceShutdown() closes no connection on Deno 2.9.3 (measured).
 */
async function shutDown(
  server: Server,
  gate: ConnectionGate,
  timeoutMs: number,
): Promise<void> {
  const { promise: timeout, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  await Promise.race([gate.shutDown(), timeout]);
  server.tryShutdown(() => {});
  // The callback does not wait for connections that have received their GOAWAY.
  await Promise.race([gate.emptied(), timeout]);
  clearTimeout(timer);
  gate.abandon();
}
