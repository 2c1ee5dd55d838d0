import { Buffer } from "node:buffer";
import { checkServerIdentity } from "node:tls";
import {
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type ServiceDefinition,
  status,
  type StatusObject,
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
import type { ClientTls, Target } from "./target.ts";

/** The status of a call that failed. */
export interface CallFault {
  /** Any gRPC status code except OK. */
  readonly code: status;
  /** The message of the server, or of the client if it could not connect. */
  readonly details: string;
  /** Whether a server sent it; otherwise the client made it up for want of an answer. */
  readonly isAnswer: boolean;
}

/** Makes a unary call; `Response` is the generated type of what the RPC returns. */
export type UnaryCall = <Response>(
  service: ServiceDefinition,
  method: string,
  request: object,
) => Promise<Result<Response, CallFault>>;

/** Connects when it makes its first call; the sandbox must grant the target's address. */
export function createClient(
  { authority, tls }: Pick<Target, "authority" | "tls">,
): Client {
  return new Client(authority, credentialsOf(tls, authority), {
    // 65,536 pending routes are 5 MB, and the default limit of grpc-js is 4 MB.
    "grpc.max_receive_message_length": -1,
    // Deno takes no IP address for the name of a TLS server, and grpc-js gives it that.
    "grpc.ssl_target_name_override": "localhost",
  });
}

function credentialsOf(
  tls: ClientTls | undefined,
  authority: string,
): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const { ca, own } = tls;
  const bytes = (pem: string | undefined): Buffer | null =>
    pem === undefined ? null : Buffer.from(pem);
  const host = authority.replace(/:\d+$/, "");
  return credentials.createSsl(bytes(ca), bytes(own?.key), bytes(own?.cert), {
    // The certificate must be for the address that was asked, whatever that name is.
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
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
          message !== undefined ? ok(message) : err(toFault(
            error ?? {
              code: status.INTERNAL,
              details: "The response has no message",
              metadata: new Metadata(),
            },
          )),
        ),
    );
    return promise;
  };
}

function toFault({ code, details, metadata }: StatusObject): CallFault {
  // A response of gRPC has this header; what the client makes up has none.
  const [type = ""] = metadata.get("content-type");
  return { code, details, isAnswer: `${type}`.startsWith("application/grpc") };
}

/** Finds the system's error in the message of grpc-js about a failed connection. */
const SYSTEM_ERROR =
  /Last error: (?:\w*Error(?: \[\w+\])?: )?(.*?)(?: \(\S+Z\))?\. Resolution note: /s;

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

/** The callbacks of a watch. */
export interface WatchListener<Message> {
  /** Called with each message. */
  readonly onMessage: (message: Message) => void;
  /** Called once, when there will be no further message. */
  readonly onEnd: (fault: CallFault) => void;
}

/**
 * Watches by a call whose responses go on until it is ended.
 *
 * @returns ends it
 */
export function startWatch<Message>(
  client: Client,
  service: ServiceDefinition,
  name: string,
  { onEnd, onMessage }: WatchListener<Message>,
): () => void {
  const method = service[name];
  if (method === undefined) throw new TypeError(`Cannot call ${name}: no such RPC`);
  const stream = client.makeServerStreamRequest<object, Message>(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    {},
  );
  stream.on("data", onMessage);
  // It comes before "status", which is emitted in any case.
  stream.on("error", () => {});
  stream.once("status", (status) => onEnd(toFault(status)));
  return () => stream.cancel();
}

/** A sidecar that answers calls until it is closed. */
export interface SidecarConnection extends Disposable {
  readonly call: UnaryCall;
  readonly reader: SidecarReader;
}

/**
 * Connects at the first call.
 *
 * @param deadlineMs milliseconds for each call
 */
export function connectSidecar(target: Target, deadlineMs: number): SidecarConnection {
  const client = createClient(target);
  const call = createUnaryCall(client, deadlineMs);
  return {
    call,
    reader: createSidecarReader(call),
    [Symbol.dispose]: () => client.close(),
  };
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
