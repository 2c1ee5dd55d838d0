import { formatLine, type LogFormat } from "../observability/logger.ts";

/** Success. */
export const EXIT_OK = 0;

/** The command could not run, or could not continue. */
export const EXIT_FAILURE = 1;

/** The command line is wrong. */
export const EXIT_USAGE = 2;

/** Only warnings were found; of `doctor`. */
export const EXIT_WARNINGS = 3;

/** A new process must take over now: EX_TEMPFAIL of sysexits.h(3head). */
export const EXIT_HAND_OVER = 75;

/** Formats for programs, which must be able to parse every line. */
const PARSED_FORMATS = ["json", "journald"] as const satisfies readonly LogFormat[];

/**
 * Formats an error that occurs before the log is open: as a line of the log, if the command
 * line asks for one that a program parses.
 *
 * @param args the arguments of the process, which may be invalid
 */
export function formatEarlyError(args: readonly string[], message: string): string {
  const format = PARSED_FORMATS.find((format) => asksFor(format, args));
  return format === undefined
    ? message
    : formatLine(format, new Date(), "error", message);
}

function asksFor(format: LogFormat, args: readonly string[]): boolean {
  return args.some((argument, at) =>
    argument === `--log-format=${format}` ||
    (argument === "--log-format" && args[at + 1] === format)
  );
}

/**
 * Describes an unexpected error in one sentence on one line.
 *
 * @param task the task of deno.json that starts the command with the grants it needs
 */
export function describeUnexpectedError(cause: unknown, task: string): string {
  if (cause instanceof Deno.errors.NotCapable) {
    // Deno's message goes on with the advice to grant more.
    const [message] = oneLine(cause.message).split(", run again with ", 1);
    return `The sandbox lacks a grant: ${message}; use deno task ${task} (see docs/security.md)`;
  }
  const who = task === "serve" ? "The sidecar" : task;
  return `${who} stops because of an unexpected error: ${oneLine(String(cause))}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
