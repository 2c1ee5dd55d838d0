import {
  type handleUnaryCall,
  type sendUnaryData,
  type ServerUnaryCall,
  status,
} from "@grpc/grpc-js";
import type { Logger } from "../observability/logger.ts";
import type {
  Call,
  ConfigureOutcome,
  InjectOutcome,
  RemoveOutcome,
  Undone,
} from "../reconcile/node_service.ts";
import { callerOf } from "./peer_identity.ts";
import { CallLog, type CallResult, type LoggedCall, type LogLine } from "./call_log.ts";
import { DEADLINE_EXCEEDED } from "../shared/deadline_exceeded.ts";
import { describeUndone } from "./quilt_runtime/log_lines.ts";
import type { QuiltResponse } from "./quilt_runtime/wire.ts";

/** What the node may answer to any of the agent's RPCs. */
export type Outcome = ConfigureOutcome | InjectOutcome | RemoveOutcome;

/** What goes back over the wire: a message with status OK, or another status. */
export type Reply<Message> =
  | { readonly kind: "message"; readonly message: Message }
  | StatusReply;

/** A call that could not be carried out. */
export interface StatusReply {
  readonly kind: "status";
  readonly code: status;
  readonly details: string;
}

/** One RPC: from the wire to the node and, for the log, back again. */
export interface UnaryMethod<Request, Result, Message> {
  /** Its name, e.g. `InjectRoute`. */
  readonly rpc: string;
  /** @throws {TypeError} if the message is not of the expected form */
  decode(message: unknown): Request;
  carryOut(request: Request, call: Call): Promise<Result>;
  /** The call for the log. */
  describe(request: Request): LoggedCall;
  /** The outcome for the log. */
  conclude(outcome: Result, request: Request): CallResult;
  reply(outcome: Result): Reply<Message>;
}

/** What makes grpc-js handlers of methods whose log has one memory. */
export type UnaryHandlers = <Request, Result, Message>(
  method: UnaryMethod<Request, Result, Message>,
) => handleUnaryCall<unknown, Message>;

/** Handlers that answer and log, and that no exception gets out of. */
export function unaryHandlers(logger: Logger): UnaryHandlers {
  const calls = new CallLog({ showsDebug: logger.shows?.("debug") ?? true });
  return (method) => (serverCall, callback) => {
    answer(method, logger, calls, serverCall).then((reply) => send(reply, callback));
  };
}

/** Refusals are answers; a gRPC status is for calls that could not be carried out. */
export function replyTo(outcome: Outcome): Reply<QuiltResponse> {
  switch (outcome.kind) {
    case "configured":
    case "added":
    case "unchanged":
    case "removed":
    case "absent":
      return { kind: "message", message: { success: true, error: "" } };
    case "refused":
      return { kind: "message", message: { success: false, error: outcome.sentence } };
    default:
      return replyUndone(outcome);
  }
}

/** The kernel was not touched: the status says why. */
export function replyUndone(outcome: Undone): StatusReply {
  switch (outcome.kind) {
    case "shutting-down":
      return statusReply(status.UNAVAILABLE, describeUndone(outcome));
    case "queue-full":
      return statusReply(status.RESOURCE_EXHAUSTED, describeUndone(outcome));
    case "caller-gone":
      return statusReply(status.CANCELLED, describeUndone(outcome));
    default:
      return outcome satisfies never;
  }
}

/** A status with one sentence. */
export function statusReply(code: status, details: string): StatusReply {
  return { kind: "status", code, details };
}

async function answer<Request, Result, Message>(
  method: UnaryMethod<Request, Result, Message>,
  logger: Logger,
  calls: CallLog,
  serverCall: ServerUnaryCall<unknown, Message>,
): Promise<Reply<Message>> {
  const write = ({ level, message }: LogLine) => logger.log(level, message);
  try {
    const request = method.decode(serverCall.request);
    const begun = calls.begin(method.describe(request));
    write(begun.line);
    const outcome = await method.carryOut(request, callOf(method.rpc, serverCall));
    calls.end(begun, method.conclude(outcome, request)).forEach(write);
    return nameDeadline(method.reply(outcome), serverCall);
  } catch (cause) {
    logger.log("error", `${method.rpc} failed unexpectedly: ${String(cause)}`);
    return statusReply(
      status.INTERNAL,
      `${method.rpc} failed unexpectedly; the sidecar's log says why`,
    );
  }
}

/**
 * The node only knows that its caller is gone. A caller that has cancelled reads no
 * status any more, so one that is still there has let its deadline pass.
 */
function nameDeadline<Message>(
  reply: Reply<Message>,
  serverCall: ServerUnaryCall<unknown, Message>,
): Reply<Message> {
  return reply.kind === "status" && reply.code === status.CANCELLED &&
      isOverdue(serverCall)
    ? statusReply(status.DEADLINE_EXCEEDED, DEADLINE_EXCEEDED)
    : reply;
}

function isOverdue<Message>(serverCall: ServerUnaryCall<unknown, Message>): boolean {
  return Number(serverCall.getDeadline()) <= Date.now();
}

function callOf<Message>(
  rpc: string,
  serverCall: ServerUnaryCall<unknown, Message>,
): Call {
  return {
    rpc,
    ...callerOf(serverCall),
    gone: () => serverCall.cancelled || isOverdue(serverCall),
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
