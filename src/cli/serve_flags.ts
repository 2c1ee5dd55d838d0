import { err, ok, type Result } from "../shared/result.ts";
import {
  checkClusterPolicy,
  checkGatewayIndex,
  type ClusterPolicy,
} from "../ipam/policy.ts";
import { quote } from "../shared/quote.ts";
import {
  LOG_FORMATS,
  LOG_LEVELS,
  type LogFormat,
  type LogLevel,
} from "../observability/logger.ts";
import {
  ACCESS_FLAGS,
  ACCESS_HELP,
  type AccessOptions,
  readAccess,
} from "./access_flags.ts";
import { collectFlags, type GivenFlags } from "./given_flags.ts";

/** What `serve` was asked to do. */
export interface ServeOptions extends AccessOptions {
  /** @default "info" */
  readonly logLevel: LogLevel;
  /** @default "text" */
  readonly logFormat: LogFormat;
  /** @default /24 subnets of 10.42.0.0/16 */
  readonly policy: ClusterPolicy;
  /** The gateway, counted from the node's network address. @default 1 */
  readonly gatewayIndex: number;
  /** Validates, audits and answers, and touches nothing. @default false */
  readonly dryRun: boolean;
  /** Otherwise they stay, so that an upgrade keeps traffic flowing. @default false */
  readonly removeRoutesOnExit: boolean;
  /** Milliseconds between two looks at everything. @default 30000 */
  readonly resyncMs: number;
}

/** What the words after `serve` mean. */
export type ServeCommand =
  | { readonly kind: "help" }
  | { readonly kind: "serve"; readonly options: ServeOptions };

/** What `serve --help` prints. */
export const SERVE_HELP = `Usage: serve [options]

Serves the mesh agent's calls until SIGTERM, SIGINT, SIGHUP or SIGQUIT.

${ACCESS_HELP}
  --log-level LEVEL         trace, debug, info, warn or error (default info)
  --log-format FORMAT       text or json (default text)
  --cluster-cidr CIDR       every node subnet lies within it (default 10.42.0.0/16)
  --node-prefix LENGTH      the prefix length of a node subnet (default 24)
  --gateway-index N         the gateway is the Nth address after the node's network
                            address and is never given to a container (default 1)
  --dry-run                 validate, audit and answer, but touch nothing
  --resync-interval SECONDS look at every route so often, 1 to 3600 (default 30);
                            events are answered at once in any case
  --remove-routes-on-exit   take our routes away at the end (default: they stay)
  --help                    this text`;

const FLAGS = {
  ...ACCESS_FLAGS,
  "log-level": { type: "string" },
  "log-format": { type: "string" },
  "cluster-cidr": { type: "string" },
  "node-prefix": { type: "string" },
  "gateway-index": { type: "string" },
  "dry-run": { type: "boolean" },
  "remove-routes-on-exit": { type: "boolean" },
  "resync-interval": { type: "string" },
  "help": { type: "boolean" },
} as const;

type FlagName = keyof typeof FLAGS;

/**
 * Reads the words after `serve`.
 *
 * @returns what they mean, or one sentence that says what is wrong and what to do
 */
export function parseServeFlags(
  args: readonly string[],
): Result<ServeCommand, string> {
  const given = collectFlags("serve", FLAGS, args);
  if (!given.ok) return given;
  if (given.value.has("help")) return ok({ kind: "help" });
  const options = readOptions(given.value);
  return options.ok ? ok({ kind: "serve", options: options.value }) : options;
}

function readOptions(given: GivenFlags<FlagName>): Result<ServeOptions, string> {
  const access = readAccess((name) => given.get(name));
  if (!access.ok) return access;
  const logLevel = readChoice("log-level", given, LOG_LEVELS, "info");
  if (!logLevel.ok) return logLevel;
  const logFormat = readChoice("log-format", given, LOG_FORMATS, "text");
  if (!logFormat.ok) return logFormat;
  const policy = readPolicy(given);
  if (!policy.ok) return policy;
  const gatewayIndex = readGatewayIndex(given.get("gateway-index"), policy.value);
  if (!gatewayIndex.ok) return gatewayIndex;
  const resync = readResyncInterval(given.get("resync-interval"));
  if (!resync.ok) return resync;
  return ok({
    ...access.value,
    logLevel: logLevel.value,
    logFormat: logFormat.value,
    policy: policy.value,
    gatewayIndex: gatewayIndex.value,
    dryRun: given.has("dry-run"),
    removeRoutesOnExit: given.has("remove-routes-on-exit"),
    resyncMs: resync.value,
  });
}

function readResyncInterval(text = "30"): Result<number, string> {
  const seconds = /^[1-9][0-9]{0,3}$/.test(text) ? Number(text) : 0;
  return seconds >= 1 && seconds <= 3600 ? ok(seconds * 1000) : err(
    `Invalid --resync-interval ${quote(text)}; use whole seconds from 1 to 3600`,
  );
}

function readChoice<Choice extends string>(
  name: FlagName,
  given: GivenFlags<FlagName>,
  choices: readonly Choice[],
  otherwise: Choice,
): Result<Choice, string> {
  const text = given.get(name);
  if (text === undefined) return ok(otherwise);
  const choice = choices.find((candidate) => candidate === text);
  return choice === undefined
    ? err(`Invalid --${name} ${quote(text)}; use one of ${choices.join(", ")}`)
    : ok(choice);
}

function readPolicy(given: GivenFlags<FlagName>): Result<ClusterPolicy, string> {
  const prefix = given.get("node-prefix") ?? "24";
  if (!/^(0|[1-9][0-9]{0,2})$/.test(prefix)) {
    return err(
      `Invalid --node-prefix ${quote(prefix)}; use a whole number such as 24`,
    );
  }
  return checkClusterPolicy(
    given.get("cluster-cidr") ?? "10.42.0.0/16",
    Number(prefix),
  );
}

function readGatewayIndex(
  text = "1",
  { nodePrefix }: ClusterPolicy,
): Result<number, string> {
  return /^(0|[1-9][0-9]{0,9})$/.test(text)
    ? checkGatewayIndex(Number(text), nodePrefix)
    : err(`Invalid --gateway-index ${quote(text)}; use a whole number such as 1`);
}
