/** Every command, in the order in which the help lists them. */
import { refuseDenoVersion } from "../shared/versions.ts";
import type { CommandDefinition, RunCommand } from "./command_definition.ts";
import { EXIT_FAILURE, EXIT_USAGE } from "./exit.ts";
import { FILTER_OPTIONS, POLICY_OPTIONS, TARGET_OPTIONS } from "./options.ts";

const SERVE: CommandDefinition = {
  name: "serve",
  summary: "serve the mesh agent's calls",
  description:
    "Serves the mesh agent's calls until SIGTERM, SIGINT, SIGHUP or SIGQUIT. The log " +
    "goes to standard error, the audit log to standard output.",
  operands: [],
  options: [
    "grpc-addr",
    "socket-mode",
    "tls-cert",
    "tls-key",
    "tls-ca",
    "log-level",
    "log-format",
    ...POLICY_OPTIONS,
    "dry-run",
    "resync-interval",
    "probe-interval",
    "remove-routes-on-exit",
  ],
  optionHelp: {
    "grpc-addr":
      "listen there: HOST:PORT (default 127.0.0.1:50051), where HOST is an " +
      "IPv4 address or localhost, needs --allow-net=HOST:PORT; unix:///PATH, see the " +
      "task serve:unix; fd:3, a listening socket that was handed over",
    "tls-cert":
      "serve TLS with this certificate, followed by those between it and its " +
      "CA, in PEM; see the task serve:tls",
    "tls-ca": "accept only clients with a certificate of these CAs",
    "dry-run": "validate, audit and answer, but touch nothing",
  },
  exitCodes: [
    [0, "stopped by a signal"],
    [1, "it could not start or go on; the sentence says why"],
    [2, "the command line is wrong"],
    [75, "another process is to take over"],
  ],
  load: async (): Promise<RunCommand> => {
    const refusal = refuseDenoVersion(Deno.version.deno);
    // Looked at first, because a refused version may fail to load the server.
    if (refusal === undefined) return (await import("./serve.ts")).serve;
    return () => Promise.resolve({ exitCode: EXIT_FAILURE, sentence: refusal });
  },
};

const CLIENT_EXITS = [
  [1, "the sidecar did not answer, or refused; the sentence says why"],
  [2, "the command line is wrong"],
] as const;

const STATUS: CommandDefinition = {
  name: "status",
  summary: "show the node's network, addresses and routes, and what is wrong",
  description:
    "Shows what is wrong with the data path, with the commands that end it; then the " +
    "node's network, the number of its allocated addresses, and its routes: whether the " +
    "kernel has each, since when, why not, and the findings about it. Of many routes only " +
    "those that want attention are listed. A route is unconfirmed if the mesh agent has " +
    "not requested it since its last start.",
  operands: [],
  options: [...TARGET_OPTIONS, ...FILTER_OPTIONS, "map", "verbose", "watch", "json"],
  exitCodes: [[0, "shown, whatever it shows"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./status.ts")).status,
};

const ROUTES: CommandDefinition = {
  name: "routes",
  summary: "list every route that is wanted, and whether the kernel has it",
  description:
    "Lists every route that is wanted, one line each: whether the kernel has it, since " +
    "when, why not, and the findings about it.",
  operands: [],
  options: [...TARGET_OPTIONS, ...FILTER_OPTIONS, "json"],
  exitCodes: [[0, "listed"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./routes.ts")).routes,
};

const ADDRESSES: CommandDefinition = {
  name: "addresses",
  summary: "list who has which address of this node",
  description: "Lists the allocated addresses of this node, each with its owner.",
  operands: [],
  options: [...TARGET_OPTIONS, "free", "json"],
  exitCodes: [[0, "listed"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./addresses.ts")).addresses,
};

const EVENTS: CommandDefinition = {
  name: "events",
  summary: "show what happens, as it happens, one line each",
  description:
    "Shows what changes from now on: routes that come, go or wait, findings that begin " +
    "and end, another subnet, and the sidecar itself. It goes on when the sidecar is " +
    "started again.",
  operands: [],
  options: [...TARGET_OPTIONS, "json"],
  exitCodes: [[0, "ended by Ctrl-C, or by who reads"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./events.ts")).events,
};

const CONFIGURE: CommandDefinition = {
  name: "configure",
  summary: "set the subnet of this node, as the mesh agent does",
  description:
    "Sets the subnet of this node, as the mesh agent does: every route is unconfirmed " +
    "from then on until it is requested again.",
  operands: [{ name: "SUBNET", help: "such as 10.42.1.0/24" }],
  options: [...TARGET_OPTIONS, "json"],
  exitCodes: [[0, "configured"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./hand_call.ts")).configure,
};

const INJECT: CommandDefinition = {
  name: "inject",
  summary: "add a route, as the mesh agent does",
  description:
    "Adds a route to another node's subnet, as the mesh agent does. If the device is " +
    "missing or down, the route is remembered, and appears by itself.",
  operands: [
    { name: "DESTINATION", help: "another node's subnet, such as 10.42.2.0/24" },
    { name: "DEVICE", help: "such as vxlan100", completion: "device" },
  ],
  options: [...TARGET_OPTIONS, "json"],
  exitCodes: [[0, "the kernel has the route"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./hand_call.ts")).inject,
};

const REMOVE: CommandDefinition = {
  name: "remove",
  summary: "remove a route, as the mesh agent does",
  description:
    "Removes the route to another node's subnet, and forgets that it was wanted.",
  operands: [{
    name: "DESTINATION",
    help: "another node's subnet, such as 10.42.2.0/24",
  }],
  options: [...TARGET_OPTIONS, "json"],
  exitCodes: [[0, "the kernel has no such route"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./hand_call.ts")).remove,
};

const ALLOCATE: CommandDefinition = {
  name: "allocate",
  summary: "give an owner an address of this node",
  description:
    "Gives an owner an address of this node's subnet; an owner that has one gets it again.",
  operands: [
    { name: "OWNER", help: "who gets it, such as a container's id" },
    {
      name: "ADDRESS",
      help: "which one; left out, the next that is free",
      isOptional: true,
    },
  ],
  options: [...TARGET_OPTIONS, "json"],
  exitCodes: [[0, "the owner has the address"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./hand_call.ts")).allocate,
};

const RELEASE: CommandDefinition = {
  name: "release",
  summary: "take an address back",
  description:
    "Takes an address back, from whoever has it, or by its owner. An IPv4 address means " +
    "the address, even if an owner is named like it: addresses shows what that one has.",
  operands: [{ name: "ADDRESS|OWNER", help: "an IPv4 address, or who has one" }],
  options: [...TARGET_OPTIONS, "json"],
  exitCodes: [[0, "nobody has the address"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./hand_call.ts")).release,
};

const SYNC: CommandDefinition = {
  name: "sync",
  summary: "make the routes exactly those of a file",
  description:
    "Makes the wanted routes exactly those of a file, in YAML or JSON: a list of " +
    "destination and device. It shows the difference and asks before it changes " +
    "anything.",
  operands: [{
    name: "FILE",
    help: "the file, or - for standard input",
    completion: "file",
  }],
  options: [...TARGET_OPTIONS, "dry-run", "yes", "json"],
  optionHelp: { "dry-run": "show the difference and change nothing" },
  exitCodes: [
    [0, "the routes are those of the file, or --dry-run has shown the difference"],
    [1, "the sidecar did not answer, a route was refused, or nobody said yes"],
    [2, "the command line or the file is wrong"],
  ],
  load: async (): Promise<RunCommand> => (await import("./sync.ts")).sync,
};

const AUDIT: CommandDefinition = {
  name: "audit",
  summary: "tell from the audit log who changed what, and when",
  description:
    "Tells from audit logs who changed which route or address, and when. What table 142 " +
    "keeps in a code is shown decoded. Of several files the one with the oldest first " +
    "record is read first. Where the sidecar dropped lines, that is shown whatever is " +
    "sought. A line that is no audit record is left out and named at the end.",
  operands: [{
    name: "FILE",
    help: "audit logs, or - for standard input",
    isRepeated: true,
    completion: "file",
  }],
  options: ["destination", "since", "until", "caller", "outcome", "json"],
  optionHelp: {
    destination:
      "only what is about this address or prefix, about a part of it, or about a prefix " +
      "that it lies in",
    json: "print one JSON object a line; its fields stand in docs/cli.md",
  },
  exitCodes: [
    [0, "shown"],
    [1, "a file cannot be read, or has lines that are no audit records"],
    [2, "the command line is wrong"],
  ],
  load: async (): Promise<RunCommand> => (await import("./audit.ts")).audit,
};

const AUDIT_VERIFY: CommandDefinition = {
  name: "audit verify",
  summary: "tell whether audit logs are as the sidecar wrote them",
  description:
    "Tells whether audit logs are as the sidecar wrote them: each record names the hash " +
    "of the one before it. Where a record was changed, removed, inserted or moved, the " +
    "file and the line are named. Give all files of a rotated log, in any order. What " +
    "it cannot find stands in docs/cli.md. To read a file that is called verify, use " +
    "audit ./verify.",
  operands: [{
    name: "FILE",
    help: "audit logs, or - alone for standard input",
    isRepeated: true,
    completion: "file",
  }],
  options: ["head", "after", "json"],
  exitCodes: [
    [0, "whole"],
    [1, "not whole, or a file cannot be read"],
    [2, "the command line is wrong"],
  ],
  load: async (): Promise<RunCommand> =>
    (await import("./audit_verify.ts")).auditVerify,
};

const BUNDLE: CommandDefinition = {
  name: "bundle",
  summary: "write one archive for a bug report to standard output",
  description:
    "Writes one tar archive for a bug report to standard output: versions, the options " +
    "of the sidecar, status, findings, routes, rules, links and forwarding entries as ip " +
    "shows them, and the last lines of a log. Owners of addresses, and what the log says " +
    "of them, are left out. If something cannot be had, README.txt in it says why.",
  operands: [],
  options: [...TARGET_OPTIONS, "log"],
  exitCodes: [
    [0, "written, with whatever could be had"],
    [1, "it could not be written"],
    [2, "the command line is wrong"],
  ],
  load: async (): Promise<RunCommand> => (await import("./bundle.ts")).bundle,
};

const UNINSTALL: CommandDefinition = {
  name: "uninstall",
  summary: "take away everything that is ours in the kernel",
  description:
    "Removes every route of ours from the main table, and all of table 142 that is ours, " +
    "in this network namespace, after asking. The sidecar must have been stopped.",
  operands: [],
  options: ["routes", "yes", "grpc-addr", "json"],
  optionHelp: {
    "grpc-addr": "where no sidecar may listen (default 127.0.0.1:50051)",
    json: "print the audit record of each deletion, one JSON object a line",
  },
  exitCodes: [
    [0, "nothing of ours is left"],
    [1, "it could not be done, or nobody said yes"],
    [2, "the command line is wrong"],
  ],
  load: async (): Promise<RunCommand> => (await import("./uninstall.ts")).uninstall,
};

const DEMO: CommandDefinition = {
  name: "demo",
  summary: "show a small mesh of real sidecars, in a minute, without root",
  description:
    "Makes two nodes with containers and a VXLAN overlay in namespaces of its own, runs " +
    "real sidecars, and shows beside the kernel's own routes how they heal. It touches " +
    "nothing else and leaves nothing behind. It is a task of a clone: deno task demo.",
  operands: [],
  options: [],
  exitCodes: [[2, "it needs a clone of the repository"]],
  load: () =>
    Promise.resolve(() =>
      Promise.resolve({
        exitCode: EXIT_USAGE,
        sentence: "demo needs a clone of the repository; there, run deno task demo",
      })
    ),
};

const COMPLETIONS: CommandDefinition = {
  name: "completions",
  summary: "print the completions for a shell",
  description:
    "Prints what a shell sources to complete commands, options, files and devices: in " +
    "bash and zsh, source <(quilt-sidecar completions SHELL); in fish, quilt-sidecar " +
    "completions fish | source.",
  operands: [{ name: "SHELL", help: "which shell", choices: ["bash", "zsh", "fish"] }],
  options: [],
  exitCodes: [[0, "printed"], [2, "the command line is wrong"]],
  load: async (): Promise<RunCommand> => (await import("./completions.ts")).completions,
};

const MAN: CommandDefinition = {
  name: "man",
  summary: "print the manual page",
  description: "Prints the manual page: quilt-sidecar man | man -l -.",
  operands: [],
  options: [],
  exitCodes: [[0, "printed"], [2, "the command line is wrong"]],
  load: async (): Promise<RunCommand> => (await import("./man_page.ts")).man,
};

const DOCTOR: CommandDefinition = {
  name: "doctor",
  summary: "say what stops traffic, and what ends it",
  description:
    "Says what stops traffic and what is wrong with the set-up, the worst first, each " +
    "finding with what it means and the commands that end it. The sidecar tells what it " +
    "found; if none answers, doctor looks by itself, and changes nothing. The options " +
    "of the cluster are those of serve: without a sidecar that answers they are needed; " +
    "with one, those that are given are compared with its own.",
  operands: [],
  options: [...TARGET_OPTIONS, "probe", "json", ...POLICY_OPTIONS],
  exitCodes: [
    [0, "nothing was found"],
    [1, "something stops traffic"],
    [2, "the command line is wrong"],
    [3, "there are warnings only"],
  ],
  load: async (): Promise<RunCommand> => (await import("./doctor.ts")).doctor,
};

const HEALTH: CommandDefinition = {
  name: "health",
  summary: "ask the sidecar for its health, within a second",
  description: "Requests the sidecar's health by GET /healthz.",
  operands: [],
  options: [...TARGET_OPTIONS],
  exitCodes: [
    [0, "it serves"],
    [1, "it does not, or the command line is wrong: 2 is reserved for health checks"],
  ],
  usageExit: EXIT_FAILURE,
  load: async (): Promise<RunCommand> => (await import("./health.ts")).health,
};

/** All commands. */
export const COMMANDS: readonly CommandDefinition[] = [
  SERVE,
  STATUS,
  DOCTOR,
  HEALTH,
  ROUTES,
  ADDRESSES,
  EVENTS,
  CONFIGURE,
  INJECT,
  REMOVE,
  ALLOCATE,
  RELEASE,
  SYNC,
  AUDIT,
  AUDIT_VERIFY,
  BUNDLE,
  UNINSTALL,
  DEMO,
  COMPLETIONS,
  MAN,
];
