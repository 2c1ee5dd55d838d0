import assert from "node:assert/strict";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { createLogger } from "../../../src/observability/logger.ts";
import {
  createQuiltRuntime,
  type QuiltRuntimePorts,
} from "../../../src/api/quilt_runtime/service.ts";
import type { ServedService } from "../../../src/shared/served_service.ts";
import { formatListenAddress } from "../../../src/transport/listen_address.ts";
import { type RpcServer, startServer } from "../../../src/transport/server.ts";
import { QUILT_RUNTIME } from "../../../src/api/proto_registry.ts";

/** A server over a fake node, a client of it, and what the server has logged. */
export interface Exchange extends AsyncDisposable {
  readonly server: RpcServer;
  readonly log: readonly string[];
  /** Calls an RPC and says how it ended: the message, or code and details. */
  call(rpc: string, request: object, options?: CallOptions): Promise<Ending>;
}

/** How a call is made. */
export interface CallOptions {
  /** In milliseconds from now. @default {10000} */
  readonly deadlineMs?: number;
  /** In place of the RPC's own. */
  readonly path?: string;
}

/** The response message, or the status that came instead of it. */
export type Ending =
  | { readonly message: unknown }
  | { readonly code: number; readonly details: string };

/**
 * Starts a server on a port of the system's choice, with a client of its own.
 *
 * @param wrap what is served in the service's place; default: the service itself
 */
export async function openExchange(
  node: QuiltRuntimePorts,
  wrap: (service: ServedService) => ServedService = (service) => service,
): Promise<Exchange> {
  const log: string[] = [];
  const sink = {
    write: (line: string) => void log.push(line.replace(/^\S+ /, "")),
    dropped: 0,
    flush: () => Promise.resolve(),
  };
  const logger = createLogger({ level: "info", format: "text", sink });
  const started = await startServer(
    { kind: "tcp", host: "127.0.0.1", port: 0 },
    [wrap(createQuiltRuntime(node, logger))],
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
    log,
    call: (rpc, request, options) => call(client, rpc, request, options ?? {}),
    async [Symbol.asyncDispose]() {
      client.close();
      await server.close(0);
    },
  };
}

function call(
  client: Client,
  rpc: string,
  request: object,
  options: CallOptions,
): Promise<Ending> {
  const method = QUILT_RUNTIME[rpc];
  assert.ok(method);
  const { promise, resolve } = Promise.withResolvers<Ending>();
  client.makeUnaryRequest(
    options.path ?? method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
    { deadline: Date.now() + (options.deadlineMs ?? 10_000) },
    (error: ServiceError | null, message: unknown) =>
      resolve(error ? { code: error.code, details: error.details } : { message }),
  );
  return promise;
}

/** What the mesh agent's calls ask of a node. */
export type NodeCalls = QuiltRuntimePorts["network"] & QuiltRuntimePorts["routes"];

/** A node of which a test gives the calls that it is about; the others are refused. */
export function fakeNode(parts: Partial<NodeCalls>): QuiltRuntimePorts {
  const refuse = () =>
    Promise.resolve({ kind: "refused", sentence: "not part of this test" } as const);
  const node: NodeCalls = {
    configureNodeSubnet: refuse,
    injectRoute: refuse,
    removeRoute: refuse,
    ...parts,
  };
  return { network: node, routes: node };
}
