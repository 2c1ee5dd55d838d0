import {
  Client,
  credentials,
  Metadata,
  type ServiceDefinition,
  status,
} from "@grpc/grpc-js";
import {
  ADDRESS_SERVICE,
  DATA_PATH_SERVICE,
  NODE_NETWORK_SERVICE,
  ROUTE_SERVICE,
} from "../api/proto_registry.ts";
import type { GetNodeNetworkResponse } from "../api/gen/quilt/sidecar/v1/GetNodeNetworkResponse.ts";
import type { ListAddressesResponse } from "../api/gen/quilt/sidecar/v1/ListAddressesResponse.ts";
import type { ListFindingsResponse } from "../api/gen/quilt/sidecar/v1/ListFindingsResponse.ts";
import type { ListRoutesResponse } from "../api/gen/quilt/sidecar/v1/ListRoutesResponse.ts";
import { err, ok, type Result } from "../shared/result.ts";

/** The status of a call that failed. */
export interface CallFault {
  /** Any gRPC status code except OK. */
  readonly code: status;
  /** The message of the server, or of the client if it could not connect. */
  readonly details: string;
}

/** Makes a unary call; `Response` is the generated type of what the RPC returns. */
export type UnaryCall = <Response>(
  service: ServiceDefinition,
  method: string,
  request: object,
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
  return <Response>(service: ServiceDefinition, name: string, request: object) => {
    const method = service[name];
    if (method === undefined) throw new TypeError(`Cannot call ${name}: no such RPC`);
    const { promise, resolve } = Promise.withResolvers<Result<Response, CallFault>>();
    client.makeUnaryRequest<object, Response>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      new Metadata(),
      { deadline: Date.now() + deadlineMs },
      (error, message) =>
        resolve(
          message !== undefined ? ok(message) : err({
            code: error?.code ?? status.INTERNAL,
            details: error?.details ?? "The response has no message",
          }),
        ),
    );
    return promise;
  };
}

/** Finds the system's error in the message of grpc-js about a failed connection. */
const SYSTEM_ERROR = /Last error: (?:Error: )?(.*?)(?: \(\S+Z\))?\. Resolution note: /s;

/**
 * Why a call has no answer, a part of a sentence.
 *
 * @param deadlineMs milliseconds that the call had
 */
export function reasonOf({ code, details }: CallFault, deadlineMs: number): string {
  return code === status.DEADLINE_EXCEEDED
    ? `no answer came within ${deadlineMs / 1000} s`
    : SYSTEM_ERROR.exec(details)?.[1] ?? details;
}

/** A sidecar that did not answer a call, a sentence without the remedy. */
export function describeUnanswered(
  authority: string,
  fault: CallFault,
  deadlineMs: number,
): string {
  return `The sidecar on ${authority} does not answer: ${reasonOf(fault, deadlineMs)}`;
}

/** The read-only calls of package `quilt.sidecar.v1`. */
export interface SidecarReader {
  getNodeNetwork(): Promise<Result<GetNodeNetworkResponse, CallFault>>;
  listAddresses(): Promise<Result<ListAddressesResponse, CallFault>>;
  listFindings(): Promise<Result<ListFindingsResponse, CallFault>>;
  listRoutes(): Promise<Result<ListRoutesResponse, CallFault>>;
}

/** Creates a {@linkcode SidecarReader}. */
export function createSidecarReader(call: UnaryCall): SidecarReader {
  return {
    getNodeNetwork: () => call(NODE_NETWORK_SERVICE, "GetNodeNetwork", {}),
    listAddresses: () => call(ADDRESS_SERVICE, "ListAddresses", {}),
    listFindings: () => call(DATA_PATH_SERVICE, "ListFindings", {}),
    listRoutes: () => call(ROUTE_SERVICE, "ListRoutes", {}),
  };
}
