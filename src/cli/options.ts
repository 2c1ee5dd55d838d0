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

/** In the words of a client; `serve` says of some what they mean there. */
export const OPTIONS = {
  "grpc-addr": {
    value: "ADDRESS",
    help:
      "where the sidecar listens: HOST:PORT, HOST an IPv4 address or localhost, or " +
      "unix:///PATH (default 127.0.0.1:50051)",
  },
  "tls-ca": {
    value: "FILE",
    help: "speak TLS with a sidecar whose certificate is of these CAs, in PEM",
    completion: "file",
  },
  "tls-cert": {
    value: "FILE",
    help: "show this certificate, in PEM, to a sidecar that asks for one",
    completion: "file",
  },
  "tls-key": { value: "FILE", help: "its private key", completion: "file" },
  "json": { help: "print JSON; its fields stand in docs/cli.md" },
  "watch": { help: "draw it again and again, in place, until Ctrl-C" },
  "verbose": { help: "list every route, however many there are" },
  "map": {
    help: "draw the cluster as a grid, a cell for each node's prefix",
  },
  "pending": { help: "only routes that the kernel does not have" },
  "unconfirmed": {
    help: "only routes that the mesh agent has not asked for since its last start",
  },
  "device": {
    value: "DEVICE",
    help: "only routes through this device",
    completion: "device",
  },
  "destination": {
    value: "PREFIX",
    help: "only routes that have to do with this address or prefix",
  },
  "free": { help: "list the addresses that can still be allocated" },
  "yes": { help: "do it without asking" },
  "since": {
    value: "TIME",
    help: "only what happened from then on: RFC 3339, or 90s, 15m, 2h, 3d ago",
  },
  "until": { value: "TIME", help: "only what happened until then, in the same form" },
  "caller": {
    value: "TEXT",
    help: "only what a caller with this text in its name or RPC asked for",
  },
  "outcome": {
    value: "OUTCOME",
    help: "only what ended so",
    choices: ["done", "failed", "unknown", "dry-run"],
  },
  "head": {
    value: "HASH",
    help:
      "the hash that the last record must have, as the running sidecar tells it: field " +
      "audit.head of status --json; then the last process needs no end record",
  },
  "after": {
    value: "HASH",
    help:
      "the hash that the first record must name, of the last record that was verified " +
      "before; then it needs to be no start record",
  },
  "log": {
    value: "FILE",
    help:
      "put the last 2,000 lines of this log into the archive; - is standard input, for " +
      "several logs or one of journalctl",
    completion: "file",
  },
  "routes": { help: "every route of ours, and table 142" },
  "socket-mode": {
    value: "MODE",
    help: "permissions of the Unix socket, in octal (default 0600)",
  },
  "log-level": {
    value: "LEVEL",
    help: "the least level that is logged (default info)",
    choices: LOG_LEVELS,
  },
  "log-format": {
    value: "FORMAT",
    help: "how the log is written, see docs/log.md (default text)",
    choices: LOG_FORMATS,
  },
  "cluster-cidr": {
    value: "CIDR",
    help: "every node subnet lies within it (default 10.42.0.0/16)",
  },
  "node-prefix": {
    value: "LENGTH",
    help: "the prefix length of a node subnet (default 24)",
  },
  "gateway-index": {
    value: "N",
    help:
      "the gateway is the Nth address after the node's network address and is never " +
      "given to a container (default 1)",
  },
  "dry-run": { help: "change nothing" },
  "resync-interval": {
    value: "SECONDS",
    help:
      "compare every route with the kernel so often, 1 to 3600 (default 30); events " +
      "are handled at once in any case",
  },
  "probe-interval": {
    value: "SECONDS",
    help:
      "ask each peer so often whether it answers through the overlay, 10 to 86400 " +
      "(default: only on demand)",
  },
  "remove-routes-on-exit": {
    help: "remove our routes on exit (default: they stay)",
  },
  "probe": {
    help:
      "have the sidecar ask each peer through the overlay, which takes some seconds " +
      "if one is silent",
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
