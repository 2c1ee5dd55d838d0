import { AuditTrail } from "../observability/audit_trail.ts";
import {
  type CountingLineWriter,
  createBufferedLineWriter,
} from "../observability/buffered_line_writer.ts";
import { logTelemetry } from "../observability/exported_log.ts";
import { createLogger, formatLine, type LogFormat } from "../observability/logger.ts";
import { LossNotice } from "../observability/loss_notice.ts";
import { logRuntimeWarnings } from "../observability/runtime_warnings.ts";
import { countOf } from "../shared/quote.ts";
import { SIDECAR_VERSION } from "../shared/versions.ts";
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
import { grantsFor } from "./grants.ts";
import {
  firstUncaughtError,
  listenForStopSignals,
  type StopSignals,
} from "./process_events.ts";
import { readServeOptions, type ServeOptions } from "./serve_options.ts";

/** Some 10,000 lines: more than a reader that is alive ever falls behind. */
const LOG_BACKLOG_BYTES = 1024 * 1024;

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
  const logLines = openLog(format);
  const logger = createLogger({ level, format, sink: logLines, ...logTelemetry() });
  logRuntimeWarnings(logger);
  const losses = new LossNotice(
    (sentence) => logger.log("warn", sentence),
    () => logLines.dropped,
  );
  const trail = new AuditTrail(Deno.stdout, (count, why) => losses.note(count, why));
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
  const onListening = () =>
    trail.begin({
      version: SIDECAR_VERSION,
      options: givenOptions,
      grants: grantsFor(options),
    });
  const lines = { auditSink: trail, auditLines: trail, logLines };
  const parts = { logger, onListening, onServing, givenOptions };
  const ended = runSidecar({ ...options, ...parts, ...lines }, signals);
  const end = await Promise.race([
    ended.catch(unexpected),
    firstUncaughtError(containError).then(unexpected),
    signals.second,
  ]);
  // Without an end record the trail says that the sidecar did not end in order.
  if (typeof end !== "number") trail.end(await describeEnd(end, signals));
  await trail.flush();
  trail.abandon();
  losses.close();
  await logger.flush();
  return typeof end === "number" ? end : EXIT_CODES[end];
}

/** The reason of the trail's end record. */
async function describeEnd(end: SidecarEnd, signals: StopSignals): Promise<string> {
  return end === "stopped" ? await signals.first : end;
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

function openLog(format: LogFormat): CountingLineWriter {
  return createBufferedLineWriter(Deno.stderr, {
    bytes: LOG_BACKLOG_BYTES,
    describeDrop: (count) => {
      const message =
        `Lost ${countOf(count, "line")} of this log: no process read them ` +
        "in time, or the disk was full";
      return formatLine(format, new Date(), "warn", message);
    },
  });
}
