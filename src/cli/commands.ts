/** Every command, in the order in which the help lists them. */
import { refuseDenoVersion } from "../shared/versions.ts";
import type { CommandDefinition, RunCommand } from "./command_definition.ts";
import { EXIT_FAILURE, EXIT_USAGE } from "./exit.ts";
import { FILTER_OPTIONS, POLICY_OPTIONS, TARGET_OPTIONS } from "./options.ts";

const SERVE: CommandDefinition = {
  name: "serve",
  group: "maintain",
  summary: "run the sidecar",
  description:
    "Runs the sidecar: it serves the calls of the mesh agent until it receives " +
    "SIGTERM, SIGINT, SIGHUP or SIGQUIT. It writes the log to standard error and the " +
    "audit trail to standard output.",
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
      "where to listen: HOST:PORT with an IPv4 address or localhost as HOST, " +
      "unix:///PATH, or fd:3 for a socket of systemd (default 127.0.0.1:50051)",
    "tls-cert": "serve TLS with this certificate and its intermediate CAs, in PEM",
    "tls-ca": "accept only clients with a certificate of these CAs, in PEM",
    "dry-run": "validate calls, write the audit trail and answer, but change nothing",
  },
  exitCodes: [
    [0, "a signal stopped it"],
    [1, "it could not start or not continue"],
    [2, "the command line is wrong"],
    [75, "the service manager must start a new process, which takes over"],
  ],
  load: async (): Promise<RunCommand> => {
    const refusal = refuseDenoVersion(Deno.version.deno);
    // Looked at first, because a refused version may fail to load the server.
    if (refusal === undefined) return (await import("./serve.ts")).serve;
    return () => Promise.resolve({ exitCode: EXIT_FAILURE, sentence: refusal });
  },
};

const CLIENT_EXITS = [
  [1, "the sidecar did not answer, or refused the call"],
  [2, "the command line is wrong"],
] as const;

const STATUS: CommandDefinition = {
  name: "status",
  group: "first",
  summary: "show what is wrong, and the network and routes of this node",
  description:
    "Shows the findings about the data path with the commands that fix them, then " +
    "the network of the node and its routes. For each route it shows whether the " +
    "kernel has it, since when, and why not. If there are many routes, it lists only " +
    "those with a problem. A route is unconfirmed if the agent has not requested it " +
    "since its last start.",
  operands: [],
  options: [...FILTER_OPTIONS, "map", "verbose", "watch", "json", ...TARGET_OPTIONS],
  exitCodes: [[0, "shown, with or without findings"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./status.ts")).status,
};

const ROUTES: CommandDefinition = {
  name: "routes",
  group: "look",
  summary: "list every requested route, and whether the kernel has it",
  description:
    "Lists every requested route on one line: whether the kernel has it, since when, " +
    "why not, and the findings about it.",
  operands: [],
  options: [...FILTER_OPTIONS, "json", ...TARGET_OPTIONS],
  exitCodes: [[0, "listed"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./routes.ts")).routes,
};

const ADDRESSES: CommandDefinition = {
  name: "addresses",
  group: "look",
  summary: "list allocated addresses and their owners, or free ones",
  description: "Lists the allocated addresses of this node, each with its owner.",
  operands: [],
  options: ["free", "json", ...TARGET_OPTIONS],
  exitCodes: [[0, "listed"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./addresses.ts")).addresses,
};

const EVENTS: CommandDefinition = {
  name: "events",
  group: "first",
  summary: "watch changes of routes and findings as they happen",
  description:
    "Prints one line for each change from now on: of a route, a finding, the subnet, " +
    "or the sidecar itself. It reconnects when the sidecar restarts. Stop it with " +
    "Ctrl-C.",
  operands: [],
  options: ["json", ...TARGET_OPTIONS],
  exitCodes: [[0, "stopped by Ctrl-C, or by the reader of a pipe"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./events.ts")).events,
};

const CONFIGURE: CommandDefinition = {
  name: "configure",
  group: "change",
  summary: "set the subnet of this node, as the agent does",
  description:
    "Sets the subnet of this node, as the agent does. Afterwards every route is " +
    "unconfirmed until it is requested again.",
  operands: [{ name: "SUBNET", help: "such as 10.42.1.0/24" }],
  options: ["json", ...TARGET_OPTIONS],
  exitCodes: [[0, "configured"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./hand_call.ts")).configure,
};

const INJECT: CommandDefinition = {
  name: "inject",
  group: "change",
  summary: "add a route to another node, as the agent does",
  description:
    "Adds a route to the subnet of another node, as the agent does. If the device is " +
    "missing or down, the sidecar keeps the request and installs the route when the " +
    "device is up.",
  operands: [
    { name: "DESTINATION", help: "another node's subnet, such as 10.42.2.0/24" },
    { name: "DEVICE", help: "such as vxlan100", completion: "device" },
  ],
  options: ["json", ...TARGET_OPTIONS],
  exitCodes: [[0, "the kernel has the route"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./hand_call.ts")).inject,
};

const REMOVE: CommandDefinition = {
  name: "remove",
  group: "change",
  summary: "remove a route to another node, as the agent does",
  description:
    "Removes the route to the subnet of another node, and deletes the request for " +
    "it.",
  operands: [{
    name: "DESTINATION",
    help: "another node's subnet, such as 10.42.2.0/24",
  }],
  options: ["json", ...TARGET_OPTIONS],
  exitCodes: [[0, "the kernel has no such route"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./hand_call.ts")).remove,
};

const ALLOCATE: CommandDefinition = {
  name: "allocate",
  group: "change",
  summary: "allocate an address of this node to an owner",
  description:
    "Allocates an address of the subnet of this node to an owner. If the owner " +
    "already has an address, it keeps that address.",
  operands: [
    { name: "OWNER", help: "such as the id of a container" },
    {
      name: "ADDRESS",
      help: "such as 10.42.1.9 (default: the next free address)",
      isOptional: true,
    },
  ],
  options: ["json", ...TARGET_OPTIONS],
  exitCodes: [[0, "the owner has the address"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./hand_call.ts")).allocate,
};

const RELEASE: CommandDefinition = {
  name: "release",
  group: "change",
  summary: "release an allocated address",
  description:
    "Releases an address. Give the address, or its owner. An operand in the form of an " +
    "IPv4 address is an address, even if an owner has the same name.",
  operands: [{ name: "ADDRESS|OWNER", help: "an IPv4 address, or an owner" }],
  options: ["json", ...TARGET_OPTIONS],
  exitCodes: [[0, "the address is free"], ...CLIENT_EXITS],
  load: async (): Promise<RunCommand> => (await import("./hand_call.ts")).release,
};

const SYNC: CommandDefinition = {
  name: "sync",
  group: "change",
  summary: "make the routes equal to those of a file",
  description:
    "Makes the requested routes equal to those of a file. The file is a list of " +
    "destination and device, in YAML or JSON. The command shows the difference and " +
    "asks before it changes anything.",
  operands: [{
    name: "FILE",
    help: "the file, or - for standard input",
    completion: "file",
  }],
  options: ["dry-run", "yes", "json", ...TARGET_OPTIONS],
  optionHelp: { "dry-run": "show the difference, and change nothing" },
  exitCodes: [
    [0, "the routes match the file, or --dry-run was given"],
    [1, "the sidecar did not answer or refused a route, or you did not confirm"],
    [2, "the command line or file is wrong"],
  ],
  load: async (): Promise<RunCommand> => (await import("./sync.ts")).sync,
};

const AUDIT: CommandDefinition = {
  name: "audit",
  group: "trouble",
  summary: "show from the audit trail who changed what, and when",
  description:
    "Shows from files of the audit trail who changed which route or address, and " +
    "when. The entries of table 142 are decoded. The file with the oldest first " +
    "record is read first. A place where records were lost is always shown. A line " +
    "that is not an audit record is skipped and named at the end.",
  operands: [{
    name: "FILE",
    help: "files of the audit trail, or - for standard input",
    isRepeated: true,
    completion: "file",
  }],
  options: ["destination", "since", "until", "caller", "outcome", "json"],
  optionHelp: {
    destination: "only changes of a prefix that overlaps this address or prefix",
    json: "print one JSON object a line; docs/cli-json.md lists its fields",
  },
  exitCodes: [
    [0, "shown"],
    [1, "a file cannot be read, or has lines that are not audit records"],
    [2, "the command line is wrong"],
  ],
  load: async (): Promise<RunCommand> => (await import("./audit.ts")).audit,
};

const AUDIT_VERIFY: CommandDefinition = {
  name: "audit verify",
  group: "trouble",
  summary: "check whether the audit trail was edited",
  description:
    "Checks whether files of the audit trail are as the sidecar wrote them. Each " +
    "record contains the hash of the record before it, so an edit is found, with " +
    "file and line. Give all files of a rotated trail, in any order. " +
    "docs/cli-audit.md lists what cannot be found. To read a file with the name " +
    "verify, use audit ./verify.",
  operands: [{
    name: "FILE",
    help: "files of the audit trail, or only - for standard input",
    isRepeated: true,
    completion: "file",
  }],
  options: ["head", "after", "json"],
  exitCodes: [
    [0, "no edit was found"],
    [1, "an edit was found, or a file cannot be read"],
    [2, "the command line is wrong"],
  ],
  load: async (): Promise<RunCommand> =>
    (await import("./audit_verify.ts")).auditVerify,
};

const BUNDLE: CommandDefinition = {
  name: "bundle",
  group: "trouble",
  summary: "collect all facts for a bug report in one archive",
  description:
    "Writes a tar archive for a bug report to standard output: versions, options, " +
    "status and findings of the sidecar; routes, rules, links and the FDB as ip " +
    "prints them; the last lines of a log. It leaves out the owners of addresses. " +
    "README.txt in the archive lists what is missing, and why.",
  operands: [],
  options: ["log", ...TARGET_OPTIONS],
  exitCodes: [
    [0, "written, with everything that could be read"],
    [1, "it could not be written"],
    [2, "the command line is wrong"],
  ],
  load: async (): Promise<RunCommand> => (await import("./bundle.ts")).bundle,
};

const UNINSTALL: CommandDefinition = {
  name: "uninstall",
  group: "maintain",
  summary: "delete everything that the sidecar left in the kernel",
  description:
    "Deletes every route of the sidecar from the main table and every entry of the " +
    "sidecar from table 142, in this network namespace. Stop the sidecar " +
    "first. The command asks before it deletes anything.",
  operands: [],
  options: ["routes", "yes", "grpc-addr", "json"],
  optionHelp: {
    "grpc-addr":
      "address of the sidecar that must be stopped (default 127.0.0.1:50051)",
    json: "print the audit record of each deletion, one JSON object a line",
  },
  exitCodes: [
    [0, "nothing of the sidecar is left"],
    [1, "it could not be deleted, or you did not confirm"],
    [2, "the command line is wrong"],
  ],
  load: async (): Promise<RunCommand> => (await import("./uninstall.ts")).uninstall,
};

const DEMO: CommandDefinition = {
  name: "demo",
  group: "maintain",
  summary: "run a small mesh of real sidecars, without root",
  description:
    "Runs two nodes with containers and a VXLAN overlay in network namespaces of its " +
    "own, with real sidecars, and shows how they repair routes. It changes nothing " +
    "else and leaves nothing behind. It needs a clone of the repository; there, it " +
    "is also deno task demo.",
  operands: [],
  options: [],
  exitCodes: [[2, "it needs a clone of the repository"]],
  load: () =>
    Promise.resolve(() =>
      Promise.resolve({
        exitCode: EXIT_USAGE,
        sentence: "demo needs a clone of the repository; run deno task demo there",
      })
    ),
};

const COMPLETIONS: CommandDefinition = {
  name: "completions",
  group: "maintain",
  summary: "print the completions for bash, zsh or fish",
  description:
    "Prints the completions of commands, options, files and devices for a shell. In " +
    "bash and zsh, use source <(quilt-sidecar completions SHELL); in fish, use " +
    "quilt-sidecar completions fish | source.",
  operands: [{ name: "SHELL", help: "which shell", choices: ["bash", "zsh", "fish"] }],
  options: [],
  exitCodes: [[0, "printed"], [2, "the command line is wrong"]],
  load: async (): Promise<RunCommand> => (await import("./completions.ts")).completions,
};

const MAN: CommandDefinition = {
  name: "man",
  group: "maintain",
  summary: "print the manual page",
  description: "Prints the manual page. To read it, use quilt-sidecar man | man -l -.",
  operands: [],
  options: [],
  exitCodes: [[0, "printed"], [2, "the command line is wrong"]],
  load: async (): Promise<RunCommand> => (await import("./man_page.ts")).man,
};

const DOCTOR: CommandDefinition = {
  name: "doctor",
  group: "first",
  summary: "find what stops traffic, and the commands that fix it",
  description:
    "Shows what stops traffic and what is wrong with the installation, the worst " +
    "first, with the commands that fix it. The sidecar reports its findings. If no " +
    "sidecar answers, doctor reads the kernel itself and changes nothing. In that " +
    "case give the cluster options of serve. If the sidecar answers, doctor compares " +
    "the options that you give with those of the sidecar.",
  operands: [],
  options: ["probe", "json", ...POLICY_OPTIONS, ...TARGET_OPTIONS],
  exitCodes: [
    [0, "no findings"],
    [1, "a critical finding: something stops traffic"],
    [2, "the command line is wrong"],
    [3, "only warnings"],
  ],
  load: async (): Promise<RunCommand> => (await import("./doctor.ts")).doctor,
};

const HEALTH: CommandDefinition = {
  name: "health",
  group: "look",
  summary: "check within a second whether the sidecar serves",
  description: "Sends GET /healthz to the sidecar and prints nothing if it serves.",
  operands: [],
  options: [...TARGET_OPTIONS],
  exitCodes: [
    [0, "the sidecar serves"],
    [1, "it does not serve, or the command line is wrong (2 is reserved)"],
  ],
  usageExit: EXIT_FAILURE,
  load: async (): Promise<RunCommand> => (await import("./health.ts")).health,
};

/** All commands. */
export const COMMANDS: readonly CommandDefinition[] = [
  STATUS,
  DOCTOR,
  EVENTS,
  ROUTES,
  ADDRESSES,
  HEALTH,
  CONFIGURE,
  INJECT,
  REMOVE,
  SYNC,
  ALLOCATE,
  RELEASE,
  AUDIT,
  AUDIT_VERIFY,
  BUNDLE,
  SERVE,
  UNINSTALL,
  DEMO,
  COMPLETIONS,
  MAN,
];
