import type { LineWriter } from "./buffered_line_writer.ts";
import { escapeInvisible } from "../shared/quote.ts";

/** In ascending order of severity. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error"] as const;

/** The severity of a line. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The output formats of the log. */
export const LOG_FORMATS = ["text", "json"] as const;

/** `text` is for people, `json` (one object a line) for collectors. */
export type LogFormat = (typeof LOG_FORMATS)[number];

/** The log for people; the audit log is another one. */
export interface Logger {
  /** Queues one line; never blocks and never throws. */
  log(level: LogLevel, message: string): void;
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
}

/** Creates a logger that writes lines of `level` and above to the sink. */
export function createLogger(options: LoggerOptions): Logger {
  const { format, sink } = options;
  const minimum = LOG_LEVELS.indexOf(options.level);
  const isEnabled = (level: LogLevel) => LOG_LEVELS.indexOf(level) >= minimum;
  return {
    isEnabled,
    log(level, message) {
      if (!isEnabled(level)) return;
      sink.write(formatLine(format, new Date(), level, message));
    },
    flush: () => sink.flush(),
  };
}

/**
 * Formats one line of the log, without its line feed. `time` is written in UTC with
 * milliseconds.
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
): string {
  switch (format) {
    case "text":
      return `${time.toISOString()} ${level.toUpperCase()}: ${
        escapeInvisible(message)
      }`;
    case "json":
      return escapeInvisible(
        JSON.stringify({ time: time.toISOString(), level, message }),
      );
    default:
      return format satisfies never;
  }
}
