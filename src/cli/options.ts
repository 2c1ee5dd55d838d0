/** Every option of the command line, each in one place: the same words in every command. */

import { LOG_FORMATS, LOG_LEVELS } from "../observability/logger.ts";

/** What a shell offers for a value. */
export type Completion = "file" | "device" | "none";

/** An option, without its name. */
export interface OptionDefinition {
  /** What stands for its value, e.g. `ADDRESS`; a switch has none. */
  readonly value?: string;
  /** A phrase for the help. */
  readonly help: string;
  /** All values that there are. */
  readonly choices?: readonly string[];
  /** @default "none", or the choices */
  readonly completion?: Completion;
}

/** As a client has them; `optionHelp` of a command has what differs there. */
export const OPTIONS = {
  "grpc-addr": {
    value: "ADDRESS",
    help: "address of the sidecar: HOST:PORT with an IPv4 address or localhost as " +
      "HOST, or unix:///PATH (default 127.0.0.1:50051)",
  },
  "tls-ca": {
    value: "FILE",
    help: "use TLS, and accept a sidecar with a certificate of these CAs, in PEM",
    completion: "file",
  },
  "tls-cert": {
    value: "FILE",
    help: "client certificate, in PEM, if the sidecar requires one",
    completion: "file",
  },
  "tls-key": {
    value: "FILE",
    help: "private key of the certificate, in PEM",
    completion: "file",
  },
  "json": { help: "print JSON; docs/cli-json.md lists its fields" },
  "watch": { help: "refresh the output in place until Ctrl-C" },
  "verbose": { help: "list every route, even if there are many" },
  "map": {
    help: "draw the cluster as a grid, with one cell for the prefix of each node",
  },
  "pending": { help: "only routes that the kernel does not have" },
  "unconfirmed": {
    help: "only routes that the agent has not requested since its last start",
  },
  "device": {
    value: "DEVICE",
    help: "only routes through this device",
    completion: "device",
  },
  "destination": {
    value: "PREFIX",
    help: "only routes that overlap this address or prefix",
  },
  "free": { help: "list the free addresses instead" },
  "yes": { help: "do not ask for confirmation" },
  "since": {
    value: "TIME",
    help:
      "only records from this time on: RFC 3339, or an age such as 90s, 15m, 2h, 3d",
  },
  "until": { value: "TIME", help: "only records up to this time, in the same forms" },
  "caller": {
    value: "TEXT",
    help: "only records with this text in the RPC, the client address or the subject " +
      "of its certificate",
  },
  "outcome": {
    value: "OUTCOME",
    help: "only records with this outcome",
    choices: ["done", "failed", "unknown", "dry-run"],
  },
  "head": {
    value: "HASH",
    help: "hash of the last record, as the running sidecar reports it (audit.head of " +
      "status --json); the last process then needs no end record",
  },
  "after": {
    value: "HASH",
    help: "hash of the last record that was verified before; the first record must " +
      "follow it and need not be a start record",
  },
  "log": {
    value: "FILE",
    help: "add the last 2,000 lines of this file, or of standard input if FILE is -",
    completion: "file",
  },
  "routes": {
    help: "delete the routes and the entries of table 142; uninstall needs it",
  },
  "socket-mode": {
    value: "MODE",
    help: "permissions of the Unix socket, in octal (default 0600)",
  },
  "log-level": {
    value: "LEVEL",
    help: "lowest level that is logged (default info)",
    choices: LOG_LEVELS,
  },
  "log-format": {
    value: "FORMAT",
    help: "format of the log, see docs/log.md (default text)",
    choices: LOG_FORMATS,
  },
  "cluster-cidr": {
    value: "CIDR",
    help: "prefix that contains every node subnet (default 10.42.0.0/16)",
  },
  "node-prefix": {
    value: "LENGTH",
    help: "prefix length of a node subnet (default 24)",
  },
  "gateway-index": {
    value: "N",
    help: "offset of the gateway from the network address of the node subnet; it is " +
      "never allocated (default 1)",
  },
  "dry-run": { help: "change nothing" },
  "resync-interval": {
    value: "SECONDS",
    help: "seconds between two comparisons of all routes with the kernel, 1 to 3600 " +
      "(default 30); events are handled at once",
  },
  "probe-interval": {
    value: "SECONDS",
    help:
      "seconds in which each peer is probed once through the overlay, 10 to 86400 " +
      "(default: only on demand)",
  },
  "remove-routes-on-exit": {
    help: "remove the routes of the sidecar on exit (default: they stay)",
  },
  "probe": {
    help: "also probe each peer through the overlay; takes some seconds if a peer is " +
      "silent",
  },
} as const satisfies Readonly<Record<string, OptionDefinition>>;

/** The name of an option, without the dashes. */
export type OptionName = keyof typeof OPTIONS;

/** How a sidecar is reached: every client has these. */
export const TARGET_OPTIONS = [
  "grpc-addr",
  "tls-ca",
  "tls-cert",
  "tls-key",
] as const satisfies readonly OptionName[];

/** Which subnets the nodes of the cluster have, and where their gateways are. */
export const POLICY_OPTIONS = [
  "cluster-cidr",
  "node-prefix",
  "gateway-index",
] as const satisfies readonly OptionName[];

/** One of {@linkcode POLICY_OPTIONS}. */
export type PolicyOptionName = typeof POLICY_OPTIONS[number];

/** Which routes are shown. */
export const FILTER_OPTIONS = [
  "pending",
  "unconfirmed",
  "device",
  "destination",
] as const satisfies readonly OptionName[];
