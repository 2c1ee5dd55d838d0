import {
  type handleUnaryCall,
  type sendUnaryData,
  type ServerUnaryCall,
  status,
} from "@grpc/grpc-js";
import type { Logger, LogLine } from "../observability/logger.ts";
import { activeTrace } from "../observability/tracing.ts";
import type { Call, NotExecuted } from "../reconcile/ports.ts";
import { CallLog, type CallResult, type LoggedCall } from "./call_log.ts";
import { DEADLINE_EXCEEDED } from "../shared/deadline_exceeded.ts";
import { describeNotExecuted } from "./call_messages.ts";
import { peerIdentity } from "./peer_identity.ts";

/** The answer to a call: a message with status OK, or another status. */
export type Reply<Message> =
  | { readonly kind: "message"; readonly message: Message }
  | StatusReply;

/** A gRPC status other than OK. */
export interface StatusReply {
  readonly kind: "status";
  readonly code: status;
  /** One sentence. */
  readonly details: string;
}

/** How one unary RPC is executed, logged and answered. */
export interface UnaryMethod<Request, Outcome, Message> {
  /** Its name, e.g. `InjectRoute`. */
  readonly rpc: string;
  execute(request: Request, call: Call): Promise<Outcome>;
  describeCall(request: Request): LoggedCall;
  describeResult(outcome: Outcome, request: Request): CallResult;
  reply(outcome: Outcome): Reply<Message>;
}

/** Makes handlers for grpc-js, which share one {@linkcode CallLog}. */
export interface UnaryHandlers {
  <Request, Outcome, Message>(
    method: UnaryMethod<Request, Outcome, Message>,
  ): handleUnaryCall<Request, Message>;
  /** See {@linkcode CallLog.report}. */
  readonly logCounts: () => void;
}

/** Handlers that execute, log and answer; an exception is logged and answered INTERNAL. */
export function unaryHandlers(logger: Logger): UnaryHandlers {
  const callLog = new CallLog({ showsDebug: logger.isEnabled?.("debug") ?? true });
  const handle = <Request, Outcome, Message>(
    method: UnaryMethod<Request, Outcome, Message>,
  ): handleUnaryCall<Request, Message> =>
  (serverCall, callback) => {
    answer(method, logger, callLog, serverCall).then((reply) => send(reply, callback));
  };
  const logCounts = () => callLog.report().forEach((line) => write(logger, line));
  return Object.assign(handle, { logCounts });
}

/** The status of a call that was not executed: the kernel was not touched. */
export function notExecutedReply(outcome: NotExecuted): StatusReply {
  switch (outcome.kind) {
    case "shutting-down":
      return statusReply(status.UNAVAILABLE, describeNotExecuted(outcome));
    case "queue-full":
      return statusReply(status.RESOURCE_EXHAUSTED, describeNotExecuted(outcome));
    case "caller-gone":
      return statusReply(status.CANCELLED, describeNotExecuted(outcome));
    default:
      return outcome satisfies never;
  }
}

/** A status with one sentence. */
export function statusReply(code: status, details: string): StatusReply {
  return { kind: "status", code, details };
}

async function answer<Request, Outcome, Message>(
  method: UnaryMethod<Request, Outcome, Message>,
  logger: Logger,
  callLog: CallLog,
  serverCall: ServerUnaryCall<Request, Message>,
): Promise<Reply<Message>> {
  const { request } = serverCall;
  try {
    const call = toCall(method.rpc, serverCall);
    const started = callLog.start(method.describeCall(request), call);
    write(logger, started.line);
    const outcome = await method.execute(request, call);
    const result = method.describeResult(outcome, request);
    for (const line of callLog.end(started, result)) write(logger, line);
    return withDeadlineStatus(method.reply(outcome), serverCall);
  } catch (cause) {
    const message = `${method.rpc} failed unexpectedly: ${String(cause)}`;
    logger.log("error", message, { rpc: method.rpc });
    return statusReply(
      status.INTERNAL,
      `${method.rpc} failed unexpectedly; the sidecar's log says why`,
    );
  }
}

function write(logger: Logger, { fields, level, message }: LogLine): void {
  logger.log(level, message, fields);
}

/**
 * The node knows only that the client is gone. A client that has cancelled reads no
 * status any more, so if the client still waits, its deadline has passed.
 */
function withDeadlineStatus<Request, Message>(
  reply: Reply<Message>,
  serverCall: ServerUnaryCall<Request, Message>,
): Reply<Message> {
  return reply.kind === "status" && reply.code === status.CANCELLED &&
      isPastDeadline(serverCall)
    ? statusReply(status.DEADLINE_EXCEEDED, DEADLINE_EXCEEDED)
    : reply;
}

function isPastDeadline<Request, Message>(
  serverCall: ServerUnaryCall<Request, Message>,
): boolean {
  return Number(serverCall.getDeadline()) <= Date.now();
}

function toCall<Request, Message>(
  rpc: string,
  serverCall: ServerUnaryCall<Request, Message>,
): Call {
  const trace = activeTrace();
  return {
    rpc,
    ...peerIdentity(serverCall),
    ...(trace === undefined ? {} : { trace }),
    gone: () => serverCall.cancelled || isPastDeadline(serverCall),
  };
}

function send<Message>(
  reply: Reply<Message>,
  callback: sendUnaryData<Message>,
): void {
  switch (reply.kind) {
    case "message":
      callback(null, reply.message);
      break;
    case "status":
      callback({ code: reply.code, details: reply.details });
      break;
    default:
      reply satisfies never;
  }
}
