/** Sentences and log lines that several services share. */
import { quote } from "../shared/quote.ts";
import type { LogLevel, LogLine } from "../observability/logger.ts";
import type { NotExecuted, Refusal } from "../reconcile/ports.ts";
import type { CallResult } from "./call_log.ts";

/** Why a call was not executed, for the client and for the log. */
export function describeNotExecuted(outcome: NotExecuted): string {
  switch (outcome.kind) {
    case "shutting-down":
      return "The sidecar is shutting down; call again when it is back";
    case "queue-full":
      return "Too many calls are waiting for the kernel; call again later";
    case "caller-gone":
      return "The client cancelled the call before it reached the kernel; nothing was changed";
    default:
      return outcome satisfies never;
  }
}

/** The result of a call that succeeded; the messages are logged at info. */
export function succeeded(
  changed: boolean,
  ...messages: readonly string[]
): CallResult {
  return { kind: "succeeded", changed, lines: linesAt("info", messages) };
}

/** The result of a call that was refused or not executed. */
export function failed(outcome: Refusal | NotExecuted): CallResult {
  return outcome.kind === "refused"
    ? { kind: "refused", sentence: outcome.sentence }
    : { kind: "not-executed", sentence: describeNotExecuted(outcome) };
}

/** Log lines of one level, one for each message. */
export function linesAt(
  level: LogLevel,
  messages: readonly string[],
): readonly LogLine[] {
  return messages.map((message) => ({ level, message }));
}

const PLAIN = /^[A-Za-z0-9._/-]{1,64}$/;

/**
 * A client's value as a log line shows it: as it is if it is plain, as in the lines of the
 * contract; otherwise quoted, so that it cannot forge another line or field.
 */
export function quoteUnlessPlain(value: string): string {
  return PLAIN.test(value) ? value : quote(value);
}
