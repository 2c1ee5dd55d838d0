import type { Checked } from "../shared/result.ts";
import type { CallFault, UnaryCall } from "./channel.ts";
import type { GetNodeNetworkResponse } from "../api/gen/quilt/sidecar/v1/GetNodeNetworkResponse.ts";
import type { ListAddressesResponse } from "../api/gen/quilt/sidecar/v1/ListAddressesResponse.ts";
import type { ListRoutesResponse } from "../api/gen/quilt/sidecar/v1/ListRoutesResponse.ts";
import {
  ADDRESS_SERVICE,
  NODE_NETWORK_SERVICE,
  ROUTE_SERVICE,
} from "../api/proto_registry.ts";

/** What a sidecar tells of its node, package `quilt.sidecar.v1`. */
export interface SidecarReader {
  getNodeNetwork(): Promise<Checked<GetNodeNetworkResponse, CallFault>>;
  listAddresses(): Promise<Checked<ListAddressesResponse, CallFault>>;
  listRoutes(): Promise<Checked<ListRoutesResponse, CallFault>>;
}

/** The unary calls that change nothing. */
export function sidecarReader(call: UnaryCall): SidecarReader {
  return {
    getNodeNetwork: () => call(NODE_NETWORK_SERVICE, "GetNodeNetwork", {}),
    listAddresses: () => call(ADDRESS_SERVICE, "ListAddresses", {}),
    listRoutes: () => call(ROUTE_SERVICE, "ListRoutes", {}),
  };
}

/**
 * A message within a message, which a sidecar always sends.
 *
 * @throws {TypeError} if it is not set
 */
export function required<Message>(field: Message | null, name: string): Message {
  if (field === null) throw new TypeError(`Cannot read ${name} as it is not set`);
  return field;
}
