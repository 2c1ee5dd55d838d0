import { startSpan } from "../../observability/tracing.ts";
import type { TraceParent } from "../../shared/trace_parent.ts";
import type { BatchResult } from "../dataplane.ts";

/** A batch that is about to be sent to `ip`. */
export interface SentBatch {
  readonly operations: number;
  /** Milliseconds that it waited for the batches before it. */
  readonly waitedMs: number;
}

/**
 * Starts a span of a batch in each trace that has a part in it.
 *
 * @returns ends them with how the batch ended
 */
export function startExchangeSpans(
  traces: readonly TraceParent[],
  { operations, waitedMs }: SentBatch,
): (result: BatchResult) => void {
  const spans = traces.map((parent) =>
    startSpan("quilt.dataplane.exchange", { parent })
  );
  return (result) => {
    const attributes = {
      "quilt.operations": operations,
      "quilt.queue.wait": waitedMs / 1000,
      "quilt.outcome": result.kind,
    };
    const error = result.kind === "lost" ? result.why : undefined;
    for (const span of spans) span.end(() => attributes, error);
  };
}
