import {
  Client,
  credentials,
  Metadata,
  type ServiceDefinition,
  status,
} from "@grpc/grpc-js";
import { type Checked, fail, pass } from "../shared/result.ts";

/** Why a call was not answered with a message. */
export interface CallFault {
  /** One of gRPC's status codes but OK. */
  readonly code: status;
  /** What the server said, or why it was not reached. */
  readonly sentence: string;
}

/** Makes a unary call; `Response` is the generated type of what the RPC returns. */
export type UnaryCall = <Response>(
  service: ServiceDefinition,
  method: string,
  request: object,
) => Promise<Checked<Response, CallFault>>;

/**
 * A client that connects with its first call.
 *
 * @param authority such as `127.0.0.1:50051`; needs `--allow-net` for exactly that
 */
export function openConnection(authority: string): Client {
  return new Client(authority, credentials.createInsecure(), {
    // 65,536 routes that wait for their device are 5 MB; grpc-js takes 4 unless told.
    "grpc.max_receive_message_length": -1,
  });
}

/**
 * Unary calls over a connection.
 *
 * @param deadlineMs milliseconds that each may take
 */
export function unaryCalls(connection: Client, deadlineMs: number): UnaryCall {
  return <Response>(service: ServiceDefinition, name: string, request: object) => {
    const method = service[name];
    if (method === undefined) throw new TypeError(`Cannot call ${name}: no such RPC`);
    const { promise, resolve } = Promise.withResolvers<Checked<Response, CallFault>>();
    connection.makeUnaryRequest<object, Response>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      new Metadata(),
      { deadline: Date.now() + deadlineMs },
      (error, message) =>
        resolve(
          message !== undefined ? pass(message) : fail({
            code: error?.code ?? status.INTERNAL,
            sentence: error?.details ?? "The answer has no message",
          }),
        ),
    );
    return promise;
  };
}
