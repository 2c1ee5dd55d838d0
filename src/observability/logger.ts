import type { LineWriter } from "./buffered_line_writer.ts";
import { escapeInvisible } from "../shared/quote.ts";

/** In ascending order of severity. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error"] as const;

/** The severity of a line. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The output formats of the log. */
export const LOG_FORMATS = ["text", "json", "journald"] as const;

/**
 * `text` is for people, `json` (one object a line) for collectors, `journald` for a
 * standard error that systemd reads: sd-daemon(3).
 */
export type LogFormat = (typeof LOG_FORMATS)[number];

/**
 * What a line is about, for a program that filters lines: fields of the JSON format, where
 * they are known. The message has it all, so the other formats have the message alone.
 * A value that a client sent stands here as the message shows it, quoted and cut.
 */
export interface LogFields {
  /** The name of the call, e.g. `InjectRoute`. */
  readonly rpc?: string | undefined;
  /** The client, as in the audit log. */
  readonly peer?: string | undefined;
  /** A route's destination, if the line is about one. */
  readonly destination?: string | undefined;
  /** A network device. */
  readonly device?: string | undefined;
  /** The id of a finding. */
  readonly finding?: string | undefined;
  /** The trace of the call, 32 hexadecimal digits: W3C Trace Context. */
  readonly trace_id?: string | undefined;
}

/** One line of the log. */
export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields?: LogFields;
}

/** The log for people; the audit log is another one. */
export interface Logger {
  /** Queues one line; never blocks and never throws. */
  log(level: LogLevel, message: string, fields?: LogFields): void;
  /** Whether lines of this level are written. @default {() => true} */
  readonly isEnabled?: (level: LogLevel) => boolean;
  /** Resolves when all lines are written, or after one second. */
  flush(): Promise<void>;
}

/** The options of {@linkcode createLogger}. */
export interface LoggerOptions {
  /** Lines below this level are not written. */
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly sink: LineWriter;
  /** The trace that a line belongs to; asked for each line. @default {() => undefined} */
  readonly traceId?: () => string | undefined;
  /** Takes each line that is written, for an export beside the sink. @default {() => {}} */
  readonly onLine?: (level: LogLevel, message: string, fields: LogFields) => void;
}

/** Creates a logger that writes lines of `level` and above to the sink. */
export function createLogger(options: LoggerOptions): Logger {
  const { format, onLine, sink, traceId } = options;
  const minimum = LOG_LEVELS.indexOf(options.level);
  const isEnabled = (level: LogLevel) => LOG_LEVELS.indexOf(level) >= minimum;
  return {
    isEnabled,
    log(level, message, fields = {}) {
      if (!isEnabled(level)) return;
      const trace_id = traceId?.();
      const all = trace_id === undefined ? fields : { ...fields, trace_id };
      sink.write(formatLine(format, new Date(), level, message, all));
      onLine?.(level, message, all);
    },
    flush: () => sink.flush(),
  };
}

/** The priorities of syslog(3) that sd-daemon(3) takes in front of a line. */
const PRIORITIES: Readonly<Record<LogLevel, number>> = {
  error: 3,
  warn: 4,
  info: 6,
  debug: 7,
  trace: 7,
};

/**
 * Formats one line of the log, without its line feed. `time` is written in UTC with
 * milliseconds; journald has a time of its own.
 *
 * Callers quote what a client sent. The message is escaped here once more, as a defence
 * against a caller that did not.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const line = formatLine("text", new Date(0), "info", "Removed route: 10.42.2.0/24");
 * assert.equal(line, "1970-01-01T00:00:00.000Z INFO: Removed route: 10.42.2.0/24");
 * ```
 */
export function formatLine(
  format: LogFormat,
  time: Date,
  level: LogLevel,
  message: string,
  fields: LogFields = {},
): string {
  switch (format) {
    case "text":
      return `${time.toISOString()} ${describe(level, message)}`;
    case "json":
      return escapeInvisible(
        JSON.stringify({ time: time.toISOString(), level, message, ...fields }),
      );
    case "journald":
      return `<${PRIORITIES[level]}>${describe(level, message)}`;
    default:
      return format satisfies never;
  }
}

function describe(level: LogLevel, message: string): string {
  return `${level.toUpperCase()}: ${escapeInvisible(message)}`;
}
