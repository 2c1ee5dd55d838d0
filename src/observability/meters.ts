/**
 * Where metrics go: to `GET /metrics` always, and by OTLP as well if Deno was started with
 * its own OpenTelemetry (`OTEL_DENO=true`), which is the global provider then.
 */
import { type Meter, metrics } from "@opentelemetry/api";
import {
  type CollectionResult,
  MeterProvider,
  MetricReader,
} from "@opentelemetry/sdk-metrics";

/** The instrumentation scope. */
const SCOPE = "quilt-sidecar";

/** The meters of a process. */
export interface Meters {
  /** An instrument has to be made on each of them. */
  readonly all: readonly Meter[];
  /** Reads the metrics as they are now. Never rejects. */
  collect(): Promise<CollectionResult>;
}

/** Creates the meters. @param version of the sidecar */
export function createMeters(version: string): Meters {
  const reader = new PullReader();
  const own = new MeterProvider({ readers: [reader] });
  return {
    // Without OpenTelemetry the global provider's meter does nothing.
    all: [own.getMeter(SCOPE, version), metrics.getMeter(SCOPE, version)],
    collect: () => reader.collect(),
  };
}

/** Exports nothing by itself. */
class PullReader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }

  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}
