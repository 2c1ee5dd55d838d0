import assert from "node:assert/strict";
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  type ServiceDefinition,
  type ServiceError,
} from "@grpc/grpc-js";
import { createLogger } from "../../../src/observability/logger.ts";
import { CurrentFindings } from "../../../src/api/data_path/current_findings.ts";
import { readinessOf } from "../../../src/api/data_path/readiness.ts";
import { createDataPathService } from "../../../src/api/data_path/service.ts";
import { Health } from "../../../src/api/health/service.ts";
import { formatListenAddress } from "../../../src/transport/listen_address.ts";
import { StreamLimiter } from "../../../src/api/stream_limiter.ts";
import { createQuiltRuntime } from "../../../src/api/quilt_runtime/service.ts";
import {
  type RpcServer,
  type ServerSettings,
  startServer,
} from "../../../src/transport/server.ts";
import { composeServices } from "../../../src/api/services.ts";
import { MemoryDataPath } from "../api/memory_data_path.ts";
import { until } from "../../support/wait.ts";
import { fakeNode } from "./exchange.ts";

/**
 * What `serve` serves to every client, over a node that refuses and a data path of which
 * a test publishes the findings, with a client of it.
 */
export interface OpenSurface extends AsyncDisposable {
  readonly server: RpcServer;
  readonly health: Health;
  readonly streams: StreamLimiter;
  readonly dataPath: MemoryDataPath;
  /** Lines from debug on, without their times. */
  readonly log: readonly string[];
  /** One answer, or the status that came instead of it. */
  ask(service: ServiceDefinition, rpc: string, request: object): Promise<unknown>;
  /** A stream of answers. */
  watch(service: ServiceDefinition, rpc: string, request: object): Answers;
  /** A stream of requests and answers. */
  converse(service: ServiceDefinition, rpc: string): Conversation;
}

/** What a stream has brought until now. */
export interface Answers {
  /** The messages, in order. */
  readonly messages: readonly unknown[];
  /** Waits until there are so many messages. */
  count(number: number): Promise<readonly unknown[]>;
  /** The status with which the server ended the stream; a message may come after it. */
  readonly end: Promise<{ readonly code: number; readonly details: string }>;
  cancel(): void;
}

/** A stream that goes both ways. */
export interface Conversation extends Answers {
  send(request: object): void;
  /** Says that no more requests will come. */
  close(): void;
}

/** Starts a server on a port of the system's choice. */
export async function openSurface(
  settings: Pick<ServerSettings, "metrics"> = {},
): Promise<OpenSurface> {
  const log: string[] = [];
  const write = (line: string) => void log.push(line.replace(/^\S+ /, ""));
  const sink = { write, dropped: 0, flush: () => Promise.resolve() };
  const logger = createLogger({ level: "debug", format: "text", sink });
  const streams = new StreamLimiter();
  const health = new Health(streams);
  const dataPath = new MemoryDataPath();
  const findings = new CurrentFindings(dataPath);
  health.followDataPath(findings);
  const own = [
    createQuiltRuntime(fakeNode({}), logger),
    createDataPathService(dataPath, streams, logger),
  ];
  const services = composeServices(own, health, streams);
  const started = await startServer(
    { kind: "tcp", host: "127.0.0.1", port: 0 },
    services,
    {
      ...settings,
      healthStatus: () => health.status(),
      readiness: () => readinessOf(health.status(), findings),
    },
  );
  assert.ok(started.ok);
  const server = started.value;
  const client = new Client(
    formatListenAddress(server.address),
    credentials.createInsecure(),
    { "grpc.use_local_subchannel_pool": 1 },
  );
  return {
    server,
    health,
    streams,
    dataPath,
    log,
    ask: (service, rpc, request) => ask(client, service, rpc, request),
    watch(service, rpc, request) {
      const { path, requestSerialize, responseDeserialize } = method(service, rpc);
      return collect(client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
      ));
    },
    converse(service, rpc) {
      const { path, requestSerialize, responseDeserialize } = method(service, rpc);
      const stream = client.makeBidiStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
      );
      return {
        ...collect(stream),
        send: (request) => void stream.write(request),
        close: () => stream.end(),
      };
    },
    async [Symbol.asyncDispose]() {
      client.close();
      await server.close(0);
    },
  };
}

function method(service: ServiceDefinition, rpc: string): ServiceDefinition[string] {
  const found = service[rpc];
  assert.ok(found);
  return found;
}

function ask(
  client: Client,
  service: ServiceDefinition,
  rpc: string,
  request: object,
): Promise<unknown> {
  const { path, requestSerialize, responseDeserialize } = method(service, rpc);
  const { promise, resolve } = Promise.withResolvers<unknown>();
  client.makeUnaryRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
    (error: ServiceError | null, message: unknown) =>
      resolve(error ? { code: error.code, details: error.details } : message),
  );
  return promise;
}

function collect(
  stream: ClientReadableStream<unknown> | ClientDuplexStream<unknown, unknown>,
): Answers {
  const messages: unknown[] = [];
  const end = Promise.withResolvers<{ code: number; details: string }>();
  stream.on("data", (message: unknown) => messages.push(message));
  stream.on("status", ({ code, details }) => end.resolve({ code, details }));
  // The same status, once more.
  stream.on("error", () => {});
  return {
    messages,
    end: end.promise,
    count: (number) =>
      until(() => messages.length >= number && messages, {
        what: () => `${number} messages; there are ${JSON.stringify(messages)}`,
      }),
    cancel: () => stream.cancel(),
  };
}
