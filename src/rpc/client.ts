import type { Checked } from "../ipam/checked.ts";
import { type CallFault, type Channel, openChannel } from "./channel.ts";
import { type RouteCalls, routeCalls } from "./route_calls.ts";
import { ADDRESS_SERVICE, NODE_NETWORK_SERVICE } from "./sidecar_package.ts";
import {
  type AllocateAddressResponse,
  decodeAllocateAddressResponse,
  decodeListAddressesResponse,
  decodeNodeNetworkResponse,
  decodeReleaseAddressResponse,
  type ListAddressesResponse,
  type NodeNetworkMessage,
  type ReleaseAddressRequest,
  type ReleaseAddressResponse,
} from "./wire_addresses.ts";

/** How {@linkcode connectSidecar} connects. */
export interface ConnectOptions {
  /** Milliseconds that a unary call may take. @default 10000 */
  readonly deadlineMs?: number;
}

/** A sidecar's own API, package `quilt.sidecar.v1`; a call answers a message or why not. */
export interface SidecarClient
  extends NodeNetworkCalls, AddressCalls, RouteCalls, Pick<Channel, "close"> {}

/** `quilt.sidecar.v1.NodeNetworkService` */
export interface NodeNetworkCalls {
  getNodeNetwork(): Promise<Checked<NodeNetworkMessage, CallFault>>;
  /**
   * The present network, then the network after each change, for as long as it is read.
   *
   * @throws {Error} when the sidecar ends it or is gone
   */
  watchNodeNetwork(): AsyncGenerator<NodeNetworkMessage, void, void>;
}

/** `quilt.sidecar.v1.AddressService` */
export interface AddressCalls {
  /** @param address the wanted one; without it the next free one */
  allocateAddress(
    owner: string,
    address?: string,
  ): Promise<Checked<AllocateAddressResponse, CallFault>>;
  releaseAddress(
    target: ReleaseAddressRequest,
  ): Promise<Checked<ReleaseAddressResponse, CallFault>>;
  listAddresses(): Promise<Checked<ListAddressesResponse, CallFault>>;
}

/**
 * A client with a connection of its own, made by the first call.
 *
 * @param authority such as `127.0.0.1:50051`; needs `--allow-net` for exactly that
 */
export function connectSidecar(
  authority: string,
  { deadlineMs = 10_000 }: ConnectOptions = {},
): SidecarClient {
  const channel = openChannel(authority, deadlineMs);
  return {
    ...nodeNetworkCalls(channel),
    ...addressCalls(channel),
    ...routeCalls(channel),
    close: () => channel.close(),
  };
}

function nodeNetworkCalls(channel: Channel): NodeNetworkCalls {
  const decode = (message: unknown): NodeNetworkMessage =>
    decodeNodeNetworkResponse(message).node_network;
  return {
    getNodeNetwork: () =>
      channel.call(NODE_NETWORK_SERVICE, "GetNodeNetwork", {}, decode),
    watchNodeNetwork: () =>
      channel.stream(NODE_NETWORK_SERVICE, "WatchNodeNetwork", {}, decode),
  };
}

function addressCalls(channel: Channel): AddressCalls {
  return {
    allocateAddress: (owner, address = "") =>
      channel.call(
        ADDRESS_SERVICE,
        "AllocateAddress",
        { owner, address },
        decodeAllocateAddressResponse,
      ),
    releaseAddress: (target) =>
      channel.call(
        ADDRESS_SERVICE,
        "ReleaseAddress",
        target,
        decodeReleaseAddressResponse,
      ),
    listAddresses: () =>
      channel.call(ADDRESS_SERVICE, "ListAddresses", {}, decodeListAddressesResponse),
  };
}
