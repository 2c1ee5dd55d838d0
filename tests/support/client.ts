import { status as grpcStatus } from "@grpc/grpc-js";
import {
  type JsonObject,
  numberAt,
  objectAt,
  parseJsonObject,
  stringAt,
} from "../../deploy/json.ts";
import { type CollectedLines, collectLines, linesOf } from "./lines.ts";
import type { Namespace } from "./namespace.ts";
import { repository } from "./serve_task.ts";

/** What each of the three RPCs answers with an OK status. */
export interface Answer {
  readonly success: boolean;
  /** A sentence; empty on success. */
  readonly error: string;
}

/** An answer and how long the call took, measured beside the connection. */
export interface TimedAnswer {
  readonly answer: Answer;
  /** From the call to its answer, in the client's process. */
  readonly microseconds: number;
}

/** How one call is made. */
export interface CallOptions {
  /** Milliseconds after which the caller has gone. @default {10000} */
  readonly deadlineMs?: number;
  /** Headers of the request, e.g. `traceparent`. @default {{}} */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The names of the three RPCs. */
export type RpcName = "ConfigureNodeSubnet" | "InjectRoute" | "RemoveRoute";

/** A call that ended with a gRPC status other than OK. */
export class GrpcStatusError extends Error {
  override readonly name = "GrpcStatusError";
  /** The status code, 1 to 16. */
  readonly code: number;
  /** Its name, e.g. `UNAVAILABLE`. */
  readonly status: string;
  /** What the server says of it. */
  readonly details: string;

  constructor(rpc: string, code: number, details: string) {
    const status = grpcStatus[code] ?? `code ${code}`;
    super(`${rpc} ended with ${status}: ${details}`);
    this.code = code;
    this.status = status;
    this.details = details;
  }
}

/**
 * A client on one connection in a process of its own. Calls may overlap: start many
 * and await them together. Disposing waits for the calls in flight.
 *
 * @example
 * ```ts ignore
 * await using namespace = await makeNamespace();
 * await using sidecar = await startSidecar(namespace);
 * await using client = await connectClient(namespace);
 * assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), { success: true, error: "" });
 * ```
 */
export interface QuiltClient extends AsyncDisposable {
  configureNodeSubnet(subnet: string, options?: CallOptions): Promise<Answer>;
  injectRoute(
    destination: string,
    viaInterface: string,
    options?: CallOptions,
  ): Promise<Answer>;
  removeRoute(destination: string, options?: CallOptions): Promise<Answer>;
  /**
   * Any RPC with any request, timed.
   *
   * @throws {GrpcStatusError} when the status is not OK.
   */
  call(rpc: RpcName, request: JsonObject, options?: CallOptions): Promise<TimedAnswer>;
  /** Kills the client's process as a crash of the agent does. */
  kill(): Promise<void>;
}

interface Waiting {
  readonly rpc: RpcName;
  readonly answered: (answer: TimedAnswer) => void;
  readonly failed: (error: Error) => void;
}

/** The process of a client that is not connected yet. Disposing ends it. */
export interface StartedClient extends AsyncDisposable {
  /**
   * Resolves when it is connected; called once. What it gives stands in its place and is
   * to be disposed instead.
   *
   * @throws {Error} if no server listens within 10 s, with the client's own message.
   */
  connect(): Promise<QuiltClient>;
}

/** Starts a client and connects it: {@linkcode startClient} says how. */
export function connectClient(
  ...target: Parameters<typeof startClient>
): Promise<QuiltClient> {
  return startClient(...target).connect();
}

/**
 * Starts a client in a namespace, to be connected when the sidecar is there.
 *
 * @param address Where the sidecar listens. @default {"127.0.0.1:50051"}
 * @param tls For TLS: the file of its CA, then those of a certificate and its key.
 */
export function startClient(
  namespace: Namespace,
  address = "127.0.0.1:50051",
  tls: readonly string[] = [],
): StartedClient {
  const program = `${repository}/tests/support/client_main.ts`;
  const child = namespace.command(
    [
      Deno.execPath(),
      "run",
      "--frozen",
      "--cached-only",
      "-A",
      program,
      address,
      ...tls,
    ],
    { stdin: "piped", stdout: "piped", stderr: "piped" },
  ).spawn();
  const complaints = collectLines(child.stderr);
  const waiting = new Map<number, Waiting>();
  const ready = Promise.withResolvers<void>();
  const ended = receive(child, waiting, ready.resolve, complaints);
  ended.then(ready.reject);
  const input = child.stdin.getWriter();
  return {
    connect: async () => {
      try {
        await input.write(new TextEncoder().encode("connect\n"));
        await ready.promise;
      } catch (error) {
        await input.abort();
        throw error;
      }
      return talk(child, input, waiting, ended);
    },
    [Symbol.asyncDispose]: async () => {
      await input.close();
      await ended;
    },
  };
}

/** Hands every answer to its call; resolves at the process's end with why. */
async function receive(
  child: Deno.ChildProcess,
  waiting: Map<number, Waiting>,
  ready: () => void,
  complaints: CollectedLines,
): Promise<Error> {
  for await (const text of linesOf(child.stdout)) {
    const line = parseJsonObject(text);
    if (line["ready"] === true) ready();
    else settle(line, waiting);
  }
  const [{ code }] = await Promise.all([child.status, complaints.ended]);
  const ended = new Error(
    `The client ended with ${code}:\n${complaints.lines.join("\n")}`,
  );
  for (const call of waiting.values()) call.failed(ended);
  waiting.clear();
  return ended;
}

function settle(line: JsonObject, waiting: Map<number, Waiting>): void {
  const id = numberAt(line, "id");
  const call = waiting.get(id);
  if (call === undefined) {
    throw new Error(`An answer to no call: ${JSON.stringify(line)}`);
  }
  waiting.delete(id);
  const code = numberAt(line, "status");
  if (code !== grpcStatus.OK) {
    call.failed(new GrpcStatusError(call.rpc, code, stringAt(line, "details")));
    return;
  }
  const response = objectAt(line, "response");
  const success = response["success"] === true;
  const answer = { success, error: stringAt(response, "error") };
  call.answered({ answer, microseconds: numberAt(line, "microseconds") });
}

function talk(
  child: Deno.ChildProcess,
  input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>,
  waiting: Map<number, Waiting>,
  ended: Promise<Error>,
): QuiltClient {
  let id = 0;
  let killed = false;
  const call: QuiltClient["call"] = (rpc, request, options = {}) => {
    const { deadlineMs = 10_000, headers = {} } = options;
    const line = JSON.stringify({ id: ++id, rpc, request, deadlineMs, headers });
    const { promise, resolve, reject } = Promise.withResolvers<TimedAnswer>();
    waiting.set(id, { rpc, answered: resolve, failed: reject });
    input.write(new TextEncoder().encode(`${line}\n`)).catch(reject);
    return promise;
  };
  const plain = async (...args: Parameters<typeof call>): Promise<Answer> =>
    (await call(...args)).answer;
  return {
    call,
    configureNodeSubnet: (subnet, options) =>
      plain("ConfigureNodeSubnet", { subnet }, options),
    injectRoute: (destination, viaInterface, options) =>
      plain("InjectRoute", { destination, via_interface: viaInterface }, options),
    removeRoute: (destination, options) =>
      plain("RemoveRoute", { destination }, options),
    kill: async () => {
      if (!killed) child.kill("SIGKILL");
      killed = true;
      await ended;
      await input.abort();
    },
    [Symbol.asyncDispose]: async () => {
      if (killed) return;
      await input.close();
      await ended;
    },
  };
}
