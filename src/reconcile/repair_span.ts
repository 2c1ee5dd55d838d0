import type { Cause } from "../dataplane/dataplane.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import { startSpan } from "../observability/tracing.ts";
import type { TraceParent } from "../shared/trace_parent.ts";
import type { Mark } from "./dirty_set.ts";
import type { Repair } from "./repair_messages.ts";
import { repairOutcomeOf } from "./repair_outcome.ts";

/** A repair that has begun. */
export interface StartedRepair {
  /** For the repair's mutations. */
  readonly cause: Cause;
  /** Ends its span. */
  end(repair: Repair): void;
}

/**
 * Starts the span of a repair, in a trace of its own.
 *
 * @param cause for the audit log
 * @param asked the call that asked for the route, to which the span gets a link
 */
export function startRepair(
  cause: Cause,
  prefix: Ipv4Cidr,
  mark: Mark,
  asked: TraceParent | undefined,
): StartedRepair {
  const startedMs = performance.now();
  const span = startSpan("quilt.repair", { link: asked });
  const trace = span.parent;
  return {
    cause: trace === undefined ? cause : { ...cause, trace },
    end: (repair) => {
      const outcome = repairOutcomeOf(repair);
      span.end(
        () => ({
          "quilt.prefix": prefix,
          "quilt.cause": mark.cause,
          "quilt.repair.delay": (startedMs - mark.sinceMs) / 1000,
          "quilt.repair": repair.kind,
          "quilt.outcome": outcome,
        }),
        outcome === "failed" || outcome === "lost" ? faultOf(repair) : undefined,
      );
    },
  };
}

function faultOf({ outcome }: Repair): string {
  switch (outcome.kind) {
    case "failed":
      return outcome.failure.message;
    case "lost":
      return outcome.why;
    default:
      return outcome.kind;
  }
}
