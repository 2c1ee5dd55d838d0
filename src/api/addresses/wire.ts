import type { ReleaseTarget } from "../../addresses/pod_network.ts";
import { fieldOf, numberField, stringField } from "../fields.ts";

/** `quilt.sidecar.v1.NodeNetwork` */
export interface NodeNetworkMessage {
  /** E.g. `10.42.1.0/24`; empty while none is configured. */
  readonly subnet: string;
  /** E.g. `10.42.1.1`; empty while none is configured. */
  readonly gateway: string;
  /** E.g. `10.42.0.0/16` */
  readonly cluster_cidr: string;
  /** 0 while none is configured. */
  readonly revision: number;
}

/** The response of WatchNodeNetwork. */
export interface NodeNetworkResponse {
  readonly node_network: NodeNetworkMessage;
}

/** `quilt.sidecar.v1.GetNodeNetworkResponse` */
export interface GetNodeNetworkResponse extends NodeNetworkResponse {
  /** Why the last ConfigureNodeSubnet set no subnet; empty if it did, or was not made. */
  readonly refusal: string;
}

/** `quilt.sidecar.v1.AllocatedAddress` */
export interface AllocatedAddressMessage {
  readonly address: string;
  /** Empty if a crash lost it. */
  readonly owner: string;
}

/** `quilt.sidecar.v1.AllocateAddressRequest` */
export interface AllocateAddressRequest {
  readonly owner: string;
  /** Empty: the next free one. */
  readonly address: string;
}

/** `quilt.sidecar.v1.AllocateAddressResponse` */
export interface AllocateAddressResponse {
  readonly address: AllocatedAddressMessage;
  readonly node_network: NodeNetworkMessage;
}

/** `quilt.sidecar.v1.ReleaseAddressResponse` */
export interface ReleaseAddressResponse {
  /** Null if nobody had it. */
  readonly released: AllocatedAddressMessage | null;
}

/** `quilt.sidecar.v1.ListAddressesResponse` */
export interface ListAddressesResponse {
  readonly addresses: readonly AllocatedAddressMessage[];
  readonly free: number;
}

/** @throws {TypeError} if the .proto and this file have drifted apart */
export function decodeAllocateAddressRequest(message: unknown): AllocateAddressRequest {
  return {
    owner: stringField(message, "owner"),
    address: stringField(message, "address"),
  };
}

/** @throws {TypeError} if the .proto and this file have drifted apart */
export function decodeReleaseAddressRequest(message: unknown): ReleaseTarget {
  const kind = fieldOf(message, "target");
  if (kind === undefined) return { kind: "none" };
  if (kind === "address" || kind === "owner") {
    return { kind, text: stringField(message, kind) };
  }
  throw new TypeError("Cannot decode the request as its target is neither one");
}

/** @throws {TypeError} if the .proto and this file have drifted apart */
export function decodeNodeNetworkResponse(message: unknown): NodeNetworkResponse {
  return { node_network: decodeNodeNetwork(fieldOf(message, "node_network")) };
}

/** @throws {TypeError} if the .proto and this file have drifted apart */
export function decodeGetNodeNetworkResponse(message: unknown): GetNodeNetworkResponse {
  return {
    ...decodeNodeNetworkResponse(message),
    refusal: stringField(message, "refusal"),
  };
}

/** @throws {TypeError} if the .proto and this file have drifted apart */
export function decodeListAddressesResponse(message: unknown): ListAddressesResponse {
  const addresses = fieldOf(message, "addresses");
  if (!Array.isArray(addresses)) {
    throw new TypeError("Cannot decode the response as it has no addresses");
  }
  return {
    addresses: addresses.map(decodeAllocatedAddress),
    free: numberField(message, "free"),
  };
}

function decodeNodeNetwork(message: unknown): NodeNetworkMessage {
  return {
    subnet: stringField(message, "subnet"),
    gateway: stringField(message, "gateway"),
    cluster_cidr: stringField(message, "cluster_cidr"),
    revision: numberField(message, "revision"),
  };
}

function decodeAllocatedAddress(message: unknown): AllocatedAddressMessage {
  return {
    address: stringField(message, "address"),
    owner: stringField(message, "owner"),
  };
}
