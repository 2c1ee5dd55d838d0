import {
  Client,
  credentials,
  Metadata,
  type ServiceDefinition,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { type Checked, fail, pass } from "../ipam/checked.ts";

/** Why a call was not answered with a message. */
export interface CallFault {
  /** One of gRPC's status codes but OK. */
  readonly code: status;
  /** What the server said, or why it was not reached. */
  readonly sentence: string;
}

/** One connection to a server. */
export interface Channel {
  /**
   * Makes a unary call.
   *
   * @throws {TypeError} if the answer is not what `decode` expects
   */
  call<Response>(
    service: ServiceDefinition,
    method: string,
    request: object,
    decode: (message: unknown) => Response,
  ): Promise<Checked<Response, CallFault>>;
  /**
   * The messages of a server stream; to leave the loop ends the call.
   *
   * @throws {Error} with a gRPC status code in `code` when the server ends it otherwise
   */
  stream<Response>(
    service: ServiceDefinition,
    method: string,
    request: object,
    decode: (message: unknown) => Response,
  ): AsyncGenerator<Response, void, void>;
  /** Ends what is under way. */
  close(): void;
}

/**
 * Makes a channel; it connects with the first call, and again when it has to.
 *
 * @param authority such as `127.0.0.1:50051`; needs `--allow-net` for exactly that
 * @param deadlineMs milliseconds that a unary call may take
 */
export function openChannel(authority: string, deadlineMs: number): Channel {
  // Otherwise two channels of one process would share a connection.
  const client = new Client(authority, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    // A sidecar that is started anew is back within a fraction of a second.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
  });
  return {
    call: async (service, name, request, decode) => {
      const { path, requestSerialize, responseDeserialize } = method(service, name);
      const { promise, resolve } = Promise.withResolvers<Checked<unknown, CallFault>>();
      const options = { deadline: Date.now() + deadlineMs };
      client.makeUnaryRequest<object, unknown>(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        new Metadata(),
        options,
        (error, message) =>
          resolve(error === null ? pass(message) : fail(toFault(error))),
      );
      const answer = await promise;
      return answer.ok ? pass(decode(answer.value)) : answer;
    },
    stream: async function* (service, name, request, decode) {
      const { path, requestSerialize, responseDeserialize } = method(service, name);
      const stream = client.makeServerStreamRequest<object, unknown>(
        path,
        requestSerialize,
        responseDeserialize,
        request,
      );
      try {
        for await (const message of stream) yield decode(message);
      } finally {
        stream.on("error", () => {});
        stream.cancel();
      }
    },
    close: () => client.close(),
  };
}

function method(service: ServiceDefinition, name: string): ServiceDefinition[string] {
  const found = service[name];
  if (found === undefined) throw new TypeError(`Cannot call ${name}: no such RPC`);
  return found;
}

/** grpc-js calls it INTERNAL when the server's process ends while a request is written. */
const BROKEN_CONNECTION = " triggered by internal client error: ";

function toFault({ code, details }: ServiceError): CallFault {
  const broken = details.includes(BROKEN_CONNECTION);
  return { code: broken ? status.UNAVAILABLE : code, sentence: details };
}
