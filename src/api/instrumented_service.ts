import {
  type handleUnaryCall,
  type Metadata,
  type MethodDefinition,
  type sendUnaryData,
  status,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import type { CallOutcome, Instruments } from "../observability/instruments.ts";
import { runDetached, startCallSpan } from "../observability/tracing.ts";
import { escapeInvisible } from "../shared/quote.ts";
import type { ServedService } from "../shared/served_service.ts";

/** The result of a call that has ended. */
interface EndedCall {
  readonly status: string;
  readonly outcome: CallOutcome;
  /** Why the call failed, one sentence; undefined if it succeeded. */
  readonly fault: string | undefined;
}

/**
 * The same service, whose unary calls are counted and traced: each has a span, in the
 * client's trace if the request names one, and the handler runs as a part of it. Streams
 * are neither counted nor traced, because they last until their client ends them.
 */
export function instrumentService(
  service: ServedService,
  instruments: Pick<Instruments, "callEnded">,
): ServedService {
  const { definition, implementation } = service;
  const handlers = Object.entries(implementation).map(([name, handler]) => {
    const method = definition[name];
    return method !== undefined && isUnary(handler, method)
      ? [name, instrument(handler, method.path.slice(1), instruments)] as const
      : [name, handler] as const;
  });
  return { ...service, implementation: Object.fromEntries(handlers) };
}

/** The definition, not the handler, has the kind of the method. */
function isUnary(
  _handler: UntypedHandleCall,
  { requestStream, responseStream }: MethodDefinition<unknown, unknown>,
): _handler is handleUnaryCall<unknown, unknown> {
  return !requestStream && !responseStream;
}

function instrument(
  handler: handleUnaryCall<unknown, unknown>,
  method: string,
  instruments: Pick<Instruments, "callEnded">,
): handleUnaryCall<unknown, unknown> {
  return (call, callback) => {
    const startedMs = performance.now();
    const peer = call.getPeer();
    const span = startCallSpan(method, () => traceHeaders(call.metadata));
    const answer: sendUnaryData<unknown> = (error, message, ...rest) => {
      const seconds = (performance.now() - startedMs) / 1000;
      // First, so that no client waits until its call is counted. Detached, because the
      // trace must not take timers of the connection for a part of the call.
      runDetached(() => callback(error, message, ...rest));
      const { fault, outcome, status } = endOf(error, message);
      instruments.callEnded({ method, status, outcome, seconds });
      span.end(
        () => ({
          "rpc.system.name": "grpc",
          "rpc.method": method,
          ...clientAttributes(peer),
          ...requestAttributes(call.request),
          "rpc.status_code": status,
          "quilt.outcome": outcome,
          ...(fault === undefined ? {} : { "quilt.fault": toAttribute(fault) }),
        }),
        SERVER_FAULTS.has(status) ? toAttribute(fault ?? status) : undefined,
      );
    };
    span.run(() => handler(call, answer));
  };
}

/** The statuses with which a server's span is an error: OpenTelemetry's table for gRPC. */
const SERVER_FAULTS: ReadonlySet<string> = new Set([
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);

function endOf(
  error: Parameters<sendUnaryData<unknown>>[0],
  message: unknown,
): EndedCall {
  if (error !== null) {
    const { code, details } = error;
    const name = status[code ?? status.UNKNOWN] ?? "UNKNOWN";
    return { status: name, outcome: "error", fault: details ?? name };
  }
  const isRefused = fieldOf(message, "success") === false;
  return isRefused
    ? { status: "OK", outcome: "refused", fault: String(fieldOf(message, "error")) }
    : { status: "OK", outcome: "success", fault: undefined };
}

/** The headers of W3C Trace Context; none if the request has no valid ones. */
function traceHeaders(metadata: Metadata): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const name of ["traceparent", "tracestate"]) {
    const [value] = metadata.get(name);
    if (typeof value === "string") headers[name] = value;
  }
  return headers;
}

/** Of `127.0.0.1:40112` the address and the port; a Unix socket has no port. */
function clientAttributes(peer: string): Readonly<Record<string, string | number>> {
  const [, address, port] = /^(.*):(\d+)$/.exec(peer) ?? [];
  return address === undefined
    ? { "client.address": peer }
    : { "client.address": address, "client.port": Number(port) };
}

/** The fields of requests that a span shows, by the name of the attribute. */
const REQUEST_ATTRIBUTES = {
  "quilt.destination": "destination",
  "quilt.device": "via_interface",
  "quilt.subnet": "subnet",
} as const;

function requestAttributes(request: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(REQUEST_ATTRIBUTES).flatMap(([attribute, field]) => {
      const value = fieldOf(request, field);
      return typeof value === "string" ? [[attribute, toAttribute(value)]] : [];
    }),
  );
}

function fieldOf(message: unknown, name: string): unknown {
  return typeof message === "object" && message !== null
    ? Reflect.get(message, name)
    : undefined;
}

/** In UTF-16 units, because a client may send any text. */
const MAX_ATTRIBUTE_LENGTH = 256;

function toAttribute(text: string): string {
  return escapeInvisible(text.slice(0, MAX_ATTRIBUTE_LENGTH));
}
