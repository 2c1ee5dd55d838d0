import { exportLater } from "./export_later.ts";
import type { LoggerOptions, LogLevel } from "./logger.ts";
import { activeTrace, bindToActiveSpan } from "./tracing.ts";

/**
 * Whether `console` exports what it is given and prints nothing: Deno 2.9.3 replaces its
 * methods if it was started with `OTEL_DENO=true` and `OTEL_DENO_CONSOLE=replace`. In
 * every other case `console` prints, and `console.log` prints into the audit trail.
 */
const IS_EXPORTED = console.log.name === "" && !("createTask" in console);

/** What a logger needs so that its lines name their trace, and are exported by OTLP. */
export function logTelemetry(): Pick<LoggerOptions, "onLine" | "traceId"> {
  const traceId = () => activeTrace()?.traceId;
  if (!IS_EXPORTED) return { traceId };
  const onLine = (level: LogLevel, message: string) =>
    exportLater(bindToActiveSpan(() => exportLine(level, message)));
  return { traceId, onLine };
}

/** Deno gives the record the severity of the method, and the active span. */
function exportLine(level: LogLevel, message: string): void {
  // deno-lint-ignore no-console -- Deno 2.9.3 has no other way to export a log record
  console[METHODS[level]](message);
}

const METHODS = {
  error: "error",
  warn: "warn",
  info: "info",
  debug: "debug",
  trace: "debug",
} as const satisfies Readonly<Record<LogLevel, string>>;
