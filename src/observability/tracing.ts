/**
 * Spans, by Deno's own OpenTelemetry: it exports them by OTLP if it was started with
 * `OTEL_DENO=true`. Otherwise every function here returns at once.
 */
import {
  type Attributes,
  type Context,
  context,
  isSpanContextValid,
  propagation,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { TraceParent } from "../shared/trace_parent.ts";
import { SIDECAR_VERSION } from "../shared/versions.ts";
import { exportLater } from "./export_later.ts";
import { wallClockMs } from "./wall_clock.ts";

/** Whether spans are exported. Deno registers its provider before any module runs. */
export const IS_TRACING: boolean =
  !(trace.getTracerProvider() instanceof ProxyTracerProvider);

/** The instrumentation scope. */
const tracer = trace.getTracer("quilt-sidecar", SIDECAR_VERSION);

/** A span that has not ended. */
export interface OpenSpan {
  /** For spans of what it caused; undefined while tracing is off. */
  readonly parent: TraceParent | undefined;
  /** Runs work to which the span belongs, with all that the work awaits. */
  run<Result>(work: () => Result): Result;
  /**
   * @param attributes all of them, because each time that some are set costs 4 µs; called
   * in a moment, and not at all while tracing is off
   * @param error one sentence, if the span is to count as an error
   */
  end(attributes: () => Attributes, error?: string): void;
}

/** How a span is related to others. */
export interface SpanRelations {
  /** What caused it, as a part of which it ran; undefined: the span begins a trace. */
  readonly parent?: TraceParent | undefined;
  /** What it follows from without being a part of it. */
  readonly link?: TraceParent | undefined;
}

const NO_SPAN: OpenSpan = { parent: undefined, run: (work) => work(), end: () => {} };

/**
 * Starts the span of a call.
 *
 * @param headers of the request; those of W3C Trace Context name the client's span. Not
 * called while tracing is off
 */
export function startCallSpan(
  method: string,
  headers: () => Readonly<Record<string, string>>,
): OpenSpan {
  if (!IS_TRACING) return NO_SPAN;
  const parent = propagation.extract(ROOT_CONTEXT, headers());
  const startTime = wallClockMs();
  return open(tracer.startSpan(method, { kind: SpanKind.SERVER, startTime }, parent));
}

/** Starts a span of what the sidecar does by itself, or as a part of a call. */
export function startSpan(name: string, { link, parent }: SpanRelations): OpenSpan {
  if (!IS_TRACING) return NO_SPAN;
  const links = link === undefined ? [] : [{ context: toSpanContext(link) }];
  const startTime = wallClockMs();
  return open(tracer.startSpan(name, { links, startTime }, contextOf(parent)));
}

/** The span to which the running code belongs; undefined if there is none. */
export function activeTrace(): TraceParent | undefined {
  if (!IS_TRACING) return undefined;
  const span = trace.getActiveSpan();
  return span === undefined ? undefined : toParent(span);
}

/** Makes work a part of the span to which the running code belongs, whenever it runs. */
export function bindToActiveSpan(work: () => void): () => void {
  return context.bind(context.active(), work);
}

/** Runs work outside of any span, also when a span starts it. */
export function runDetached<Result>(work: () => Result): Result {
  return IS_TRACING ? context.with(ROOT_CONTEXT, work) : work();
}

function open(span: Span): OpenSpan {
  return {
    // Only when it is asked for, because it costs as much as the rest of a span.
    get parent(): TraceParent | undefined {
      return toParent(span);
    },
    run: (work) => context.with(trace.setSpan(ROOT_CONTEXT, span), work),
    end: (attributes, error) => {
      const endTime = wallClockMs();
      exportLater(() => {
        span.setAttributes(attributes());
        if (error !== undefined) {
          span.setStatus({ code: SpanStatusCode.ERROR, message: error });
        }
        span.end(endTime);
      });
    },
  };
}

function toParent(span: Span): TraceParent | undefined {
  const spanContext = span.spanContext();
  if (!isSpanContextValid(spanContext)) return undefined;
  const { spanId, traceFlags: flags, traceId } = spanContext;
  return { traceId, spanId, flags };
}

function contextOf(parent: TraceParent | undefined): Context {
  return parent === undefined
    ? ROOT_CONTEXT
    : trace.setSpanContext(ROOT_CONTEXT, toSpanContext(parent));
}

function toSpanContext({ flags, spanId, traceId }: TraceParent) {
  return { traceId, spanId, traceFlags: flags };
}
