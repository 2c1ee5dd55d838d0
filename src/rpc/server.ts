import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServiceDefinition,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { type Checked, fail, pass } from "../ipam/checked.ts";
import {
  formatListenAddress,
  type ListenAddress,
  type ListenFault,
} from "./listen_address.ts";
import { LEAST_REQUEST_BYTES } from "./request_limit.ts";

/** A service and what answers it. */
export interface ServedService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** A server that listens. */
export interface RpcServer {
  /** Where; with the port that the system chose, if it was to choose one. */
  readonly address: ListenAddress;
  /** Serves one more service from now on. */
  add(service: ServedService): void;
  /** Answers UNIMPLEMENTED to that service's calls from now on. */
  remove(definition: ServiceDefinition): void;
  /**
   * Takes no more calls, and waits until those in flight are answered, at most
   * `limitMs`. Who calls meanwhile sees UNAVAILABLE.
   *
   * @param limitMs in milliseconds; default: 5000
   */
  close(limitMs?: number): Promise<void>;
}

const DRAIN_LIMIT_MS = 5_000;

const SERVER_OPTIONS: ServerOptions = {
  "grpc.max_concurrent_streams": 128,
  "grpc.enable_channelz": 0,
  // A peer that is gone without a word, or that no longer reads, is cut off after 80 s.
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 20_000,
};

// grpc-js writes a line of its own to stderr when it cannot bind: our sentence says it.
setLogVerbosity(logVerbosity.NONE);

/**
 * Listens and serves.
 *
 * @param requestBytes whoever sends a longer message is answered RESOURCE_EXHAUSTED
 * before it is held in memory
 */
export async function startServer(
  address: ListenAddress,
  services: readonly ServedService[],
  requestBytes = LEAST_REQUEST_BYTES,
): Promise<Checked<RpcServer, ListenFault>> {
  // Asked beforehand: out of the grant, grpc-js throws where nobody can catch it.
  if (!isGranted(address)) return fail({ kind: "not-granted", address });
  const server = new Server({
    ...SERVER_OPTIONS,
    "grpc.max_receive_message_length": requestBytes,
  });
  for (const service of services) {
    server.addService(service.definition, service.implementation);
  }
  const bound = await bind(server, address);
  if (!bound.ok) return bound;
  return pass({
    address: { host: address.host, port: bound.value },
    add: (service) => server.addService(service.definition, service.implementation),
    remove: (definition) => server.removeService(definition),
    close: (limitMs = DRAIN_LIMIT_MS) => drain(server, limitMs),
  });
}

/** Whether the sandbox lets us listen there; asks nobody and needs no permission. */
export function isGranted(address: ListenAddress): boolean {
  const host = formatListenAddress(address);
  return Deno.permissions.querySync({ name: "net", host }).state === "granted";
}

function bind(
  server: Server,
  address: ListenAddress,
): Promise<Checked<number, ListenFault>> {
  const { promise, resolve } = Promise.withResolvers<Checked<number, ListenFault>>();
  server.bindAsync(
    formatListenAddress(address),
    ServerCredentials.createInsecure(),
    (error, port) =>
      resolve(error === null ? pass(port) : fail(toFault(error, address))),
  );
  return promise;
}

/** grpc-js hands on only the words `[listen EADDRINUSE: address already in use …]`. */
function toFault(error: Error, address: ListenAddress): ListenFault {
  if (error.message.includes("EADDRINUSE")) return { kind: "in-use", address };
  const reason = /\[listen ([^\]]*)\]/.exec(error.message)?.[1] ?? error.message;
  return { kind: "not-bound", address, reason };
}

/**
 * What is unanswered at the limit ends with the process, and its caller sees UNAVAILABLE:
 * grpc-js's forceShutdown() does not cut connections on Deno 2.9.3 (measured).
 */
function drain(server: Server, limitMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, limitMs);
  server.tryShutdown(() => {
    clearTimeout(timer);
    resolve();
  });
  return promise;
}
