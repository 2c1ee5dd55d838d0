import { err, ok, type Result } from "../shared/result.ts";
import { quote } from "../shared/quote.ts";
import {
  LOG_FORMATS,
  LOG_LEVELS,
  type LogFormat,
  type LogLevel,
} from "../observability/logger.ts";
import type { CommandLine } from "./command_definition.ts";
import { type ListenOptions, readListenOptions } from "./listen_options.ts";
import { type PolicyOptions, readPolicyOptions } from "./policy_options.ts";

/** The options of `serve`. */
export interface ServeOptions extends ListenOptions, PolicyOptions {
  /** @default "info" */
  readonly logLevel: LogLevel;
  /** @default "text" */
  readonly logFormat: LogFormat;
  /** Validates, audits and answers, but changes nothing. @default false */
  readonly dryRun: boolean;
  /** Off, so that an upgrade does not interrupt traffic. @default false */
  readonly removeRoutesOnExit: boolean;
  /** Milliseconds between two resyncs. @default 30000 */
  readonly resyncMs: number;
  /** Milliseconds in which each peer is probed once. @default undefined */
  readonly probeMs: number | undefined;
}

/** Reads the options, or returns one sentence with the fault and the remedy. */
export function readServeOptions(
  options: CommandLine["options"],
): Result<ServeOptions, string> {
  const listen = readListenOptions(options);
  if (!listen.ok) return listen;
  const policy = readPolicyOptions(options);
  if (!policy.ok) return policy;
  const resync = readResyncInterval(options.get("resync-interval"));
  if (!resync.ok) return resync;
  const probe = readProbeInterval(options.get("probe-interval"));
  if (!probe.ok) return probe;
  return ok({
    ...listen.value,
    logLevel: chosen(LOG_LEVELS, options.get("log-level")) ?? "info",
    logFormat: chosen(LOG_FORMATS, options.get("log-format")) ?? "text",
    ...policy.value,
    dryRun: options.has("dry-run"),
    removeRoutesOnExit: options.has("remove-routes-on-exit"),
    resyncMs: resync.value,
    probeMs: probe.value,
  });
}

/** The parser takes no other value than one of these. */
function chosen<Choice extends string>(
  choices: readonly Choice[],
  text: string | undefined,
): Choice | undefined {
  return choices.find((choice) => choice === text);
}

function readResyncInterval(text = "30"): Result<number, string> {
  const seconds = /^[1-9][0-9]{0,3}$/.test(text) ? Number(text) : 0;
  return seconds >= 1 && seconds <= 3600 ? ok(seconds * 1000) : err(
    `Invalid --resync-interval ${quote(text)}; use whole seconds from 1 to 3600`,
  );
}

function readProbeInterval(
  text: string | undefined,
): Result<number | undefined, string> {
  if (text === undefined) return ok(undefined);
  const seconds = /^[1-9][0-9]{1,4}$/.test(text) ? Number(text) : 0;
  return seconds >= 10 && seconds <= 86_400 ? ok(seconds * 1000) : err(
    `Invalid --probe-interval ${quote(text)}; use whole seconds from 10 to 86400`,
  );
}
