import { Client, credentials, type ServiceDefinition, status } from "@grpc/grpc-js";
import { err, type Result } from "../../src/shared/result.ts";
import type { StatedRoute } from "../../src/routing/route_set.ts";
import {
  type CallFault,
  createSidecarReader,
  createUnaryCall,
  type SidecarReader,
  type UnaryCall,
} from "../../src/cli/grpc_client.ts";
import { required } from "../../src/cli/required.ts";
import {
  ADDRESS_SERVICE,
  NODE_NETWORK_SERVICE,
  ROUTE_SERVICE,
} from "../../src/api/proto_registry.ts";
import type { NodeNetwork } from "../../src/api/gen/quilt/sidecar/v1/NodeNetwork.ts";
import type { WatchNodeNetworkResponse } from "../../src/api/gen/quilt/sidecar/v1/WatchNodeNetworkResponse.ts";

/** A message as it came: what a test compares whole. */
export type Answer = Promise<Result<unknown, CallFault>>;

/** All of `quilt.sidecar.v1`; a call answers a message or why not. */
export interface SidecarClient extends SidecarReader {
  /** @param address the wanted one; without it the next free one */
  allocateAddress(owner: string, address?: string): Answer;
  releaseAddress(
    target: { readonly address?: string; readonly owner?: string },
  ): Answer;
  syncRoutes(routes: readonly StatedRoute[], dryRun: boolean): Answer;
  /**
   * The present network, then the network after each change, for as long as it is read.
   *
   * @throws {Error} when the sidecar ends it or is gone
   */
  watchNodeNetwork(): AsyncGenerator<NodeNetwork, void, void>;
  /**
   * All routes, then what has changed, for as long as it is read.
   *
   * @throws {Error} when the sidecar ends it or is gone
   */
  watchRoutes(): AsyncGenerator<unknown, void, void>;
  /** Ends what is under way. */
  close(): void;
}

/** A client with a connection of its own, made by the first call and again if need be. */
export function connectSidecar(authority: string): SidecarClient {
  const connection = new Client(authority, credentials.createInsecure(), {
    // Otherwise two clients of one process would share a connection.
    "grpc.use_local_subchannel_pool": 1,
    // A sidecar that restarts is back within a fraction of a second.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
  });
  const call = withDistinctErrors(createUnaryCall(connection, 10_000));
  return {
    ...createSidecarReader(call),
    allocateAddress: (owner, address = "") =>
      call(ADDRESS_SERVICE, "AllocateAddress", { owner, address }),
    releaseAddress: (target) => call(ADDRESS_SERVICE, "ReleaseAddress", target),
    syncRoutes: (routes, dryRun) =>
      call(ROUTE_SERVICE, "SyncRoutes", { routes, dry_run: dryRun }),
    watchNodeNetwork: async function* () {
      const watch = stream<WatchNodeNetworkResponse>(
        connection,
        NODE_NETWORK_SERVICE,
        "WatchNodeNetwork",
      );
      for await (const { node_network: network } of watch) {
        yield required(network, "node_network");
      }
    },
    watchRoutes: () => stream(connection, ROUTE_SERVICE, "WatchRoutes"),
    close: () => connection.close(),
  };
}

/** grpc-js calls it INTERNAL when the server's process ends while a request is written. */
const BROKEN_CONNECTION = " triggered by internal client error: ";

/** A server that is gone is UNAVAILABLE, in whatever words. */
function withDistinctErrors(call: UnaryCall): UnaryCall {
  return async <Response>(...request: Parameters<UnaryCall>) => {
    const answer = await call<Response>(...request);
    return answer.ok || !answer.fault.details.includes(BROKEN_CONNECTION)
      ? answer
      : err({ ...answer.fault, code: status.UNAVAILABLE });
  };
}

/** The messages of a server stream; to leave the loop ends the call. */
async function* stream<Message>(
  connection: Client,
  service: ServiceDefinition,
  name: string,
): AsyncGenerator<Message, void, void> {
  const method = service[name];
  if (method === undefined) throw new TypeError(`Cannot call ${name}: no such RPC`);
  const messages = connection.makeServerStreamRequest<object, Message>(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    {},
  );
  try {
    yield* messages;
  } finally {
    messages.on("error", () => {});
    messages.cancel();
  }
}
