import { err, ok, type Result } from "../shared/result.ts";
import { quote } from "../shared/quote.ts";
import {
  LOG_FORMATS,
  LOG_LEVELS,
  type LogFormat,
  type LogLevel,
} from "../observability/logger.ts";
import {
  LISTEN_FLAGS,
  LISTEN_HELP,
  type ListenOptions,
  readListenOptions,
} from "./connection_flags.ts";
import { type ParsedFlags, parseFlags } from "./flags.ts";
import {
  POLICY_FLAGS,
  POLICY_HELP,
  type PolicyOptions,
  readPolicyOptions,
} from "./policy_flags.ts";

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

/** The parsed command line of `serve`. */
export type ServeCommand =
  | { readonly kind: "help" }
  | { readonly kind: "serve"; readonly options: ServeOptions };

/** The text of `serve --help`. */
export const SERVE_HELP = `Usage: serve [options]

Serves the mesh agent's calls until SIGTERM, SIGINT, SIGHUP or SIGQUIT.

${LISTEN_HELP}
  --log-level LEVEL         trace, debug, info, warn or error (default info)
  --log-format FORMAT       text or json (default text)
${POLICY_HELP}
  --dry-run                 validate, audit and answer, but touch nothing
  --resync-interval SECONDS compare every route with the kernel so often, 1 to 3600
                            (default 30); events are handled at once in any case
  --probe-interval SECONDS  ask each peer so often whether it answers through the
                            overlay, 10 to 86400 (default: only on demand)
  --remove-routes-on-exit   remove our routes on exit (default: they stay)
  --help                    this text`;

const FLAGS = {
  ...LISTEN_FLAGS,
  "log-level": { type: "string" },
  "log-format": { type: "string" },
  ...POLICY_FLAGS,
  "dry-run": { type: "boolean" },
  "remove-routes-on-exit": { type: "boolean" },
  "resync-interval": { type: "string" },
  "probe-interval": { type: "string" },
  "help": { type: "boolean" },
} as const;

type FlagName = keyof typeof FLAGS;

/**
 * Parses the arguments behind `serve`.
 *
 * @returns the command, or one sentence with the fault and the remedy
 */
export function parseServeFlags(
  args: readonly string[],
): Result<ServeCommand, string> {
  const flags = parseFlags("serve", FLAGS, args);
  if (!flags.ok) return flags;
  if (flags.value.has("help")) return ok({ kind: "help" });
  const options = readOptions(flags.value);
  return options.ok ? ok({ kind: "serve", options: options.value }) : options;
}

function readOptions(flags: ParsedFlags<FlagName>): Result<ServeOptions, string> {
  const listen = readListenOptions((name) => flags.get(name));
  if (!listen.ok) return listen;
  const logLevel = readChoice("log-level", flags, LOG_LEVELS, "info");
  if (!logLevel.ok) return logLevel;
  const logFormat = readChoice("log-format", flags, LOG_FORMATS, "text");
  if (!logFormat.ok) return logFormat;
  const policy = readPolicyOptions((name) => flags.get(name));
  if (!policy.ok) return policy;
  const resync = readResyncInterval(flags.get("resync-interval"));
  if (!resync.ok) return resync;
  const probe = readProbeInterval(flags.get("probe-interval"));
  if (!probe.ok) return probe;
  return ok({
    ...listen.value,
    logLevel: logLevel.value,
    logFormat: logFormat.value,
    ...policy.value,
    dryRun: flags.has("dry-run"),
    removeRoutesOnExit: flags.has("remove-routes-on-exit"),
    resyncMs: resync.value,
    probeMs: probe.value,
  });
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

function readChoice<Choice extends string>(
  name: FlagName,
  flags: ParsedFlags<FlagName>,
  choices: readonly Choice[],
  defaultChoice: Choice,
): Result<Choice, string> {
  const text = flags.get(name);
  if (text === undefined) return ok(defaultChoice);
  const choice = choices.find((candidate) => candidate === text);
  return choice === undefined
    ? err(`Invalid --${name} ${quote(text)}; use one of ${choices.join(", ")}`)
    : ok(choice);
}
