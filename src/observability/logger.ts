import type { LineSink } from "./line_writer.ts";
import { escapeInvisible } from "../shared/quote.ts";

/** From the most to the least talkative. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error"] as const;

/** How much a line matters. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The forms a log can have. */
export const LOG_FORMATS = ["text", "json"] as const;

/** `text` is for people, `json` (one object a line) for collectors. */
export type LogFormat = (typeof LOG_FORMATS)[number];

/** The human log. */
export interface Logger {
  /** Queues one line; never blocks and never throws. */
  log(level: LogLevel, message: string): void;
  /** Whether lines of a level are written. @default {() => true} */
  readonly shows?: (level: LogLevel) => boolean;
  /** Resolves when all is written, or after one second, whichever comes first. */
  flush(): Promise<void>;
}

/** What a logger is made of. */
export interface LoggerOptions {
  /** Lines below this level are not written. */
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly sink: LineSink;
}

/** A logger that writes lines of `level` and above to the sink. */
export function createLogger(options: LoggerOptions): Logger {
  const { format, sink } = options;
  const least = LOG_LEVELS.indexOf(options.level);
  const shows = (level: LogLevel) => LOG_LEVELS.indexOf(level) >= least;
  return {
    shows,
    log(level, message) {
      if (!shows(level)) return;
      sink.write(formatLine(format, new Date(), level, message));
    },
    flush: () => sink.flush(),
  };
}

/**
 * One line of the log, without its line feed; `time` is given in UTC, to the millisecond.
 *
 * Callers have quoted what a client sent. That invisible characters are escaped here as
 * well is a second lock, for what slipped through.
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
