import {
  logVerbosity,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerOptions,
  type ServiceDefinition,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { ok, type Result } from "../shared/result.ts";
import { Entrance, type Protection } from "./connection_gate.ts";
import { http2ServerOf, type OpenedStream } from "./http2_sessions.ts";
import type { ListenAddress } from "./listen_address.ts";
import type { ListenFault } from "./listen_fault.ts";
import type { ServedPaths } from "./request_head.ts";
import { LEAST_REQUEST_BYTES } from "../api/request_limit.ts";
import { screenStream } from "./screened_stream.ts";
import type { TlsMaterial } from "./tls/files.ts";

/** A service and what answers it. */
export interface ServedService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** A server that listens. */
export interface RpcServer {
  /** Where; with the port that the system chose, if it was to choose one. */
  readonly address: ListenAddress;
  /** Whether anybody is connected. */
  readonly visited: boolean;
  /** Serves one more service from now on. */
  add(service: ServedService): void;
  /** Answers UNIMPLEMENTED to that service's calls from now on. */
  remove(definition: ServiceDefinition): void;
  /** TLS connections that come from now on use this; those that are open live on. */
  renew(material: TlsMaterial): void;
  /** Serves HTTP/2 on a connection within this process. */
  serve(connection: Duplex): void;
  /**
   * Takes no more connections, lets every client know, and waits until what it has sent
   * by then is answered, at most `limitMs`. Who connects meanwhile finds nobody, or with
   * a socket that was handed over waits for the next server on it.
   *
   * @param limitMs in milliseconds; default: 5000
   */
  close(limitMs?: number): Promise<void>;
}

/** How a server is set up. */
export interface ServerSettings extends Protection {
  /**
   * Whoever sends a longer message is answered RESOURCE_EXHAUSTED before it is held in
   * memory. @default 16 KiB
   */
  readonly requestBytes?: number;
}

const DRAIN_LIMIT_MS = 5_000;

const SERVER_OPTIONS: ServerOptions = {
  // What one client may have on the way: 32 calls take about 3 ms.
  "grpc.max_concurrent_streams": 32,
  "grpc.enable_channelz": 0,
  // A peer that is gone without a word, or that reads nothing, is cut off after 80 s.
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 20_000,
};

/**
 * Headers of a call, RFC 9113, 6.5.2, as much as gRPC's other libraries take. Each client
 * is told; a stream with more ends with ENHANCE_YOUR_CALM, which is RESOURCE_EXHAUSTED to
 * every gRPC library.
 */
const MOST_HEADER_BYTES = 16 * 1024;

// grpc-js writes lines of its own to stderr: our sentences say it.
setLogVerbosity(logVerbosity.NONE);

/** Listens and serves. */
export async function startServer(
  address: ListenAddress,
  services: readonly ServedService[],
  { requestBytes = LEAST_REQUEST_BYTES, ...protection }: ServerSettings = {},
): Promise<Result<RpcServer, ListenFault>> {
  const server = new Server({
    ...SERVER_OPTIONS,
    "grpc.max_receive_message_length": requestBytes,
    interceptors: [(_, call) => meter(call, entrance.opening, answers)],
  });
  const answers = new AnswerSizes();
  const paths = new Set<string>();
  const add = ({ definition, implementation }: ServedService): void => {
    server.addService(answers.measured(definition), implementation);
    for (const { path } of Object.values(definition)) paths.add(path);
  };
  const remove = (definition: ServiceDefinition): void => {
    server.removeService(definition);
    for (const { path } of Object.values(definition)) paths.delete(path);
  };
  services.forEach(add);
  const served: ServedPaths = {
    serves: (path) => paths.has(path),
    health: protection.health ?? (() => "NOT_SERVING"),
  };
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const http2Server = http2ServerOf(server);
  http2Server.updateSettings({ maxHeaderListSize: MOST_HEADER_BYTES });
  http2Server.on("session", (session) => entrance.noteSession(session));
  const serve = (connection: Duplex): void => injector.injectConnection(connection);
  const screen = ({ headers, stream }: OpenedStream) =>
    screenStream(stream, headers, served);
  const entrance = new Entrance({ requestBytes, screen, serve }, protection);
  const opened = await entrance.open(address);
  if (!opened.ok) {
    entrance.abandon();
    return opened;
  }
  return ok({
    address: opened.value,
    get visited() {
      return entrance.visited;
    },
    add,
    remove,
    renew: (material) => entrance.renew(material),
    serve,
    close: (limitMs = DRAIN_LIMIT_MS) => drain(server, entrance, limitMs),
  });
}

/** Tells how long each answer of a call is. */
function meter(
  call: ServerInterceptingCallInterface,
  answered: ((bytes: number) => void) | undefined,
  answers: AnswerSizes,
): ServerInterceptingCall {
  if (answered === undefined) return new ServerInterceptingCall(call);
  return new ServerInterceptingCall(call, {
    sendMessage: (message, next) => answered(answers.sizeIn(() => next(message))),
  });
}

/** How long answers are: grpc-js encodes each when it is sent, and does not tell. */
class AnswerSizes {
  #bytes = 0;

  /** A definition whose answers are measured. */
  measured(definition: ServiceDefinition): ServiceDefinition {
    const methods = Object.entries(definition).map(([name, method]) => {
      const responseSerialize = (message: unknown): Buffer => {
        const encoded: Buffer = method.responseSerialize(message);
        this.#bytes += encoded.length;
        return encoded;
      };
      return [name, { ...method, responseSerialize }] as const;
    });
    return Object.fromEntries(methods);
  }

  /** The bytes that were encoded while something ran. */
  sizeIn(run: () => void): number {
    this.#bytes = 0;
    run();
    return this.#bytes;
  }
}

/**
 * What is unanswered at the limit ends with the process, and its caller sees UNAVAILABLE:
 * grpc-js's forceShutdown() does not cut connections on Deno 2.9.3 (measured).
 */
async function drain(
  server: Server,
  entrance: Entrance,
  limitMs: number,
): Promise<void> {
  const { promise: limit, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, limitMs);
  await Promise.race([entrance.close(), limit]);
  server.tryShutdown(() => {});
  // Its callback does not wait for the connections that have been told already.
  await Promise.race([entrance.emptied(), limit]);
  clearTimeout(timer);
  entrance.abandon();
}
