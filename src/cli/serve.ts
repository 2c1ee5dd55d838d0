import {
  createBufferedLineWriter,
  type LineWriter,
} from "../observability/buffered_line_writer.ts";
import { createLogger, formatLine, type LogFormat } from "../observability/logger.ts";
import { logRuntimeWarnings } from "../observability/runtime_warnings.ts";
import { runSidecar, type SidecarEnd } from "../sidecar.ts";
import { containError } from "../transport/error_containment.ts";
import type { CommandEnd, CommandLine } from "./command_definition.ts";
import {
  describeUnexpectedError,
  EXIT_FAILURE,
  EXIT_HAND_OVER,
  EXIT_OK,
  EXIT_USAGE,
} from "./exit.ts";
import { firstUncaughtError, listenForStopSignals } from "./process_events.ts";
import { readServeOptions, type ServeOptions } from "./serve_options.ts";

/** Some 10,000 lines: more than a reader that is alive ever falls behind. */
const LOG_BACKLOG = { bytes: 1024 * 1024 };
/** The audit log is worth more memory than the log. */
const AUDIT_BACKLOG = { bytes: 4 * 1024 * 1024 };

/**
 * Serves until a stop signal, then lets what is in flight finish; a second one ends it at
 * once. The log goes to standard error, the audit log to standard output.
 *
 * @returns the exit code: 0 after a signal, 1 if it could not run or go on, 2 for wrong
 * options, 75 if another process is to take over, 129 to 143 (128 and the signal's number)
 * after a second signal
 */
export async function serve({ options }: CommandLine): Promise<CommandEnd> {
  const read = readServeOptions(options);
  return read.ok
    ? await serveAndLog(read.value, givenOptions(options))
    : { exitCode: EXIT_USAGE, sentence: read.fault };
}

/** As one word each, e.g. `--log-level=debug`. */
function givenOptions(options: CommandLine["options"]): readonly string[] {
  return [...options].map(([name, value]) =>
    value === "" ? `--${name}` : `--${name}=${value}`
  );
}

async function serveAndLog(
  options: ServeOptions,
  givenOptions: readonly string[],
): Promise<number> {
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
  const onServing = () => {
    // A log that is collected has no reader who starts it for the first time.
    if (Deno.stderr.isTerminal()) logger.log("info", NEXT_STEPS);
  };
  const parts = { logger, auditSink, onServing, givenOptions };
  const end = runSidecar({ ...options, ...parts }, signals);
  const code = await Promise.race([
    end.then((reason) => EXIT_CODES[reason], unexpected),
    firstUncaughtError(containError).then(unexpected),
    signals.second,
  ]);
  await Promise.all([auditSink.flush(), logger.flush()]);
  return code;
}

const NEXT_STEPS =
  "Next, in another terminal: quilt-sidecar status, or deno task status; " +
  "deno task demo shows a small mesh; docs/cli.md has every command";

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
