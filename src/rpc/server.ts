import {
  logVerbosity,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerOptions,
  type ServiceDefinition,
  setLogVerbosity,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { Duplex } from "node:stream";
import { type Checked, pass } from "../ipam/checked.ts";
import type { CallRefusal } from "./connections.ts";
import { Entrance, type Protection } from "./entrance.ts";
import type { ListenAddress } from "./listen_address.ts";
import type { ListenFault } from "./listen_fault.ts";
import { LEAST_REQUEST_BYTES } from "./request_limit.ts";
import type { TlsMaterial } from "./tls_files.ts";

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

const REFUSALS: Readonly<Record<CallRefusal, string>> = {
  "too many calls":
    "Too many calls at once on this connection while others wait; call again later",
  "long headers": "The headers of a call may have 16 KiB; send less metadata",
};

// grpc-js writes lines of its own to stderr: our sentences say it.
setLogVerbosity(logVerbosity.NONE);

/** Listens and serves. */
export async function startServer(
  address: ListenAddress,
  services: readonly ServedService[],
  { requestBytes = LEAST_REQUEST_BYTES, ...protection }: ServerSettings = {},
): Promise<Checked<RpcServer, ListenFault>> {
  const server = new Server({
    ...SERVER_OPTIONS,
    "grpc.max_receive_message_length": requestBytes,
    interceptors: [(_, call) => meter(call, entrance)],
  });
  for (const service of services) {
    server.addService(service.definition, service.implementation);
  }
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const serve = (connection: Duplex): void => injector.injectConnection(connection);
  const entrance = new Entrance(serve, protection);
  const opened = await entrance.open(address);
  if (!opened.ok) {
    entrance.abandon();
    return opened;
  }
  return pass({
    address: opened.value,
    get visited() {
      return entrance.visited;
    },
    add: (service) => server.addService(service.definition, service.implementation),
    remove: (definition) => server.removeService(definition),
    renew: (material) => entrance.renew(material),
    serve,
    close: (limitMs = DRAIN_LIMIT_MS) => drain(server, entrance, limitMs),
  });
}

/** A call that is one too many is refused before its request is read. */
function meter(
  call: ServerInterceptingCallInterface,
  entrance: Entrance,
): ServerInterceptingCall {
  return new ServerInterceptingCall(call, {
    start(next) {
      const refusal = entrance.begin(call.getPeer(), next);
      if (refusal === undefined) return;
      const details = REFUSALS[refusal];
      call.sendStatus({ code: status.RESOURCE_EXHAUSTED, details });
    },
    sendMessage(message, next) {
      entrance.noteAnswer(call.getPeer());
      next(message);
    },
  });
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
