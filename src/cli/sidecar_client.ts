import type { Result } from "../shared/result.ts";
import type { CallFault, UnaryCall } from "./channel.ts";
import {
  ADDRESS_SERVICE,
  NODE_NETWORK_SERVICE,
  ROUTE_SERVICE,
} from "../api/sidecar_package.ts";
import {
  decodeGetNodeNetworkResponse,
  decodeListAddressesResponse,
  type GetNodeNetworkResponse,
  type ListAddressesResponse,
} from "../api/addresses/wire.ts";
import {
  decodeListRoutesResponse,
  type ListRoutesResponse,
} from "../api/routes/wire.ts";

/** What a sidecar tells of its node, package `quilt.sidecar.v1`. */
export interface SidecarReader {
  getNodeNetwork(): Promise<Result<GetNodeNetworkResponse, CallFault>>;
  listAddresses(): Promise<Result<ListAddressesResponse, CallFault>>;
  listRoutes(): Promise<Result<ListRoutesResponse, CallFault>>;
}

/** The unary calls that change nothing. */
export function sidecarReader(call: UnaryCall): SidecarReader {
  return {
    getNodeNetwork: () =>
      call(NODE_NETWORK_SERVICE, "GetNodeNetwork", {}, decodeGetNodeNetworkResponse),
    listAddresses: () =>
      call(ADDRESS_SERVICE, "ListAddresses", {}, decodeListAddressesResponse),
    listRoutes: () => call(ROUTE_SERVICE, "ListRoutes", {}, decodeListRoutesResponse),
  };
}
