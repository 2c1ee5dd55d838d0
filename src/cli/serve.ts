import {
  createBufferedLineWriter,
  type LineWriter,
  writeLine,
} from "../observability/buffered_line_writer.ts";
import { createLogger, formatLine, type LogFormat } from "../observability/logger.ts";
import { logRuntimeWarnings } from "../observability/runtime_warnings.ts";
import { runSidecar, type SidecarEnd } from "../sidecar.ts";
import { containError } from "../transport/error_containment.ts";
import {
  describeUnexpectedError,
  EXIT_FAILURE,
  EXIT_HAND_OVER,
  EXIT_OK,
  EXIT_USAGE,
  formatEarlyError,
} from "./exit.ts";
import { firstUncaughtError, listenForStopSignals } from "./process_events.ts";
import { parseServeFlags, SERVE_HELP, type ServeOptions } from "./serve_flags.ts";

/** Some 10,000 lines: more than a reader that is alive ever falls behind. */
const LOG_BACKLOG = { bytes: 1024 * 1024 };
/** The audit log is worth more memory than the log. */
const AUDIT_BACKLOG = { bytes: 4 * 1024 * 1024 };

/**
 * Serves until a stop signal, then lets what is in flight finish; a second one ends it at
 * once. The log goes to standard error, the audit log to standard output.
 *
 * @param args the words after `serve`
 * @returns the exit code: 0 after a signal, 1 if it could not run or go on, 2 for wrong
 * options, 75 if another process is to take over, 129 to 143 (128 and the signal's number)
 * after a second signal
 */
export async function serve(args: readonly string[]): Promise<number> {
  const command = parseServeFlags(args);
  if (!command.ok) {
    await writeLine(Deno.stderr, formatEarlyError(args, command.fault));
    return EXIT_USAGE;
  }
  if (command.value.kind === "help") {
    await writeLine(Deno.stdout, SERVE_HELP);
    return EXIT_OK;
  }
  return await serveAndLog(command.value.options);
}

async function serveAndLog(options: ServeOptions): Promise<number> {
  const { logLevel: level, logFormat: format } = options;
  const logger = createLogger({ level, format, sink: openLog(format) });
  logRuntimeWarnings(logger);
  const auditSink = createBufferedLineWriter(
    Deno.stdout,
    AUDIT_BACKLOG,
    describeAuditGap,
  );
  const signals = listenForStopSignals((name) =>
    logger.log("info", `${name} means nothing here; SIGTERM stops the sidecar`)
  );
  const unexpected = (cause: unknown): number => {
    logger.log("error", describeUnexpectedError(cause, "serve"));
    return EXIT_FAILURE;
  };
  const end = runSidecar({ ...options, logger, auditSink }, signals);
  const code = await Promise.race([
    end.then((reason) => EXIT_CODES[reason], unexpected),
    firstUncaughtError(containError).then(unexpected),
    signals.second,
  ]);
  await Promise.all([auditSink.flush(), logger.flush()]);
  return code;
}

const EXIT_CODES: Readonly<Record<SidecarEnd, number>> = {
  "stopped": EXIT_OK,
  "failed": EXIT_FAILURE,
  "not-granted": EXIT_USAGE,
  "hand-over": EXIT_HAND_OVER,
};

function openLog(format: LogFormat): LineWriter {
  return createBufferedLineWriter(Deno.stderr, LOG_BACKLOG, (count) => {
    const message = `${count} lines of this log were dropped: nobody read them in time`;
    return formatLine(format, new Date(), "warn", message);
  });
}

/** The audit log is JSON throughout; its sequence numbers tell what is missing. */
function describeAuditGap(count: number): string {
  return JSON.stringify({ time: new Date().toISOString(), dropped: count });
}
