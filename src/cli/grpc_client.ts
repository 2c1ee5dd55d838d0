import {
  Client,
  credentials,
  Metadata,
  type ServiceDefinition,
  type status,
} from "@grpc/grpc-js";
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
import { err, ok, type Result } from "../shared/result.ts";

/** The status of a call that failed. */
export interface CallFault {
  /** Any gRPC status code except OK. */
  readonly code: status;
  /** The message of the server, or of the client if it could not connect. */
  readonly details: string;
}

/**
 * Makes a unary call.
 *
 * @throws {TypeError} if `decode` does not accept the response
 */
export type UnaryCall = <Response>(
  service: ServiceDefinition,
  method: string,
  request: object,
  decode: (message: unknown) => Response,
) => Promise<Result<Response, CallFault>>;

/**
 * Creates a client that connects when it makes its first call.
 *
 * @param authority such as `127.0.0.1:50051`; needs `--allow-net` for exactly that
 */
export function createClient(authority: string): Client {
  return new Client(authority, credentials.createInsecure(), {
    // 65,536 pending routes are 5 MB, and the default limit of grpc-js is 4 MB.
    "grpc.max_receive_message_length": -1,
  });
}

/**
 * Returns a function that makes unary calls.
 *
 * @param deadlineMs milliseconds for each call
 */
export function createUnaryCall(client: Client, deadlineMs: number): UnaryCall {
  return async (service, name, request, decode) => {
    const method = service[name];
    if (method === undefined) throw new TypeError(`Cannot call ${name}: no such RPC`);
    const { promise, resolve } = Promise.withResolvers<Result<unknown, CallFault>>();
    client.makeUnaryRequest<object, unknown>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      new Metadata(),
      { deadline: Date.now() + deadlineMs },
      (error, message) =>
        resolve(
          error === null
            ? ok(message)
            : err({ code: error.code, details: error.details }),
        ),
    );
    const response = await promise;
    return response.ok ? ok(decode(response.value)) : response;
  };
}

/** The read-only calls of package `quilt.sidecar.v1`. */
export interface SidecarReader {
  getNodeNetwork(): Promise<Result<GetNodeNetworkResponse, CallFault>>;
  listAddresses(): Promise<Result<ListAddressesResponse, CallFault>>;
  listRoutes(): Promise<Result<ListRoutesResponse, CallFault>>;
}

/** Creates a {@linkcode SidecarReader}. */
export function createSidecarReader(call: UnaryCall): SidecarReader {
  return {
    getNodeNetwork: () =>
      call(NODE_NETWORK_SERVICE, "GetNodeNetwork", {}, decodeGetNodeNetworkResponse),
    listAddresses: () =>
      call(ADDRESS_SERVICE, "ListAddresses", {}, decodeListAddressesResponse),
    listRoutes: () => call(ROUTE_SERVICE, "ListRoutes", {}, decodeListRoutesResponse),
  };
}
