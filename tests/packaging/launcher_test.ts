import assert from "node:assert/strict";
import fc from "fast-check";
import type {
  CommandDefinition,
  CommandLine,
} from "../../src/cli/command_definition.ts";
import { parseCommandLine } from "../../src/cli/command_line.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { type OptionDefinition, OPTIONS } from "../../src/cli/options.ts";
import { TESTED_DENO_VERSION } from "../../src/shared/versions.ts";
import { parseListenAddress } from "../../src/transport/listen_address.ts";
import { objectAt, parseJsonObject, stringAt } from "../../deploy/json.ts";
import { makeQuietNamespace } from "../e2e/host.ts";
import { parseDenoRun, repository } from "../support/serve_task.ts";
import { startSidecar } from "../support/sidecar.ts";
import { bounded } from "../support/suite.ts";
import {
  type Desk,
  type Launched,
  LAUNCHER,
  makeDesk,
  splitFlags,
} from "./launched.ts";

const tasks = objectAt(
  parseJsonObject(Deno.readTextFileSync(`${repository}/deno.json`)),
  "tasks",
);

/** The tasks that run a command of the sidecar. */
const commandTasks = Object.keys(tasks).filter((name) =>
  COMMANDS.some((command) => name.split(":")[0] === command.name) && name !== "demo"
);

type Started = Extract<Launched, { kind: "started" }>;

async function started(desk: Desk, words: readonly string[]): Promise<Started> {
  const launched = await desk.launch(words);
  assert.ok(launched.kind === "started", JSON.stringify({ words, launched }));
  return launched;
}

Deno.test("quilt-sidecar grants each command what its tasks grant, and passes its words on", async () => {
  using desk = await makeDesk();
  const pki = `${desk.folder}/pki`;
  await Deno.mkdir(pki);
  const files = ["tls.crt", "tls.key", "ca.crt"].map((name) => `${pki}/${name}`);
  for (const file of files) await Deno.writeTextFile(file, "");
  assert.ok(commandTasks.length > 40, `${commandTasks.length} tasks`);
  for (const name of commandTasks) {
    const command = stringAt(objectAt(tasks, name), "command")
      .replaceAll("/etc/quilt/tls", pki);
    const { args, flags } = parseDenoRun(command);
    const { grants } = splitFlags(flags);
    // A task grants the folder, because the names of the files are the operator's.
    if (grants["read"] === pki) Object.assign(grants, { read: files.join(",") });
    const launched = await started(desk, args);
    assert.deepEqual(launched.grants, grants, name);
    assert.deepEqual(launched.args, args);
    for (
      const flag of ["--ignore-env", "--no-prompt", "--no-remote", "--cached-only"]
    ) {
      assert.ok(launched.flags.includes(flag), `${name} ${flag}`);
    }
  }
});

Deno.test("quilt-sidecar serve has the flags of the task serve", async () => {
  using desk = await makeDesk();
  const { flags } = await started(desk, ["serve"]);
  const task = parseDenoRun(stringAt(objectAt(tasks, "serve"), "command"));
  const config = ["--quiet", "--config", `${repository}/deno.json`];
  const expected = [...config, ...splitFlags(task.flags).flags];
  assert.deepEqual([...flags].sort(), expected.sort());
});

/** Commands that look at the variables of the terminal. */
const DRAWN = ["doctor", "events", "routes", "status"];

/** Files of a desk, and what is no file. */
const FILES = ["plain", "with space", "o'clock \"\n$(id)", "-dash", "nested/../plain"];
const NO_FILES = [
  "",
  "nested",
  "/",
  "..",
  "missing",
  "a,b",
  "b",
  "/etc,/",
  "missing/..",
];
const ADDRESSES = [
  ...["127.0.0.1:50052", "localhost:1", "0.0.0.0:65535", "fd:3", "", "127.0.0.1"],
  ...[
    "127.0.0.1:0",
    "127.0.0.1:65536",
    "127.0.0.1:1,10.0.0.1",
    "0.0.0.0",
    "10.0.0.0/8",
  ],
  ...["localhost", "*:1", "..:1", "1..2:80", "a.example:1", "unix:", "unix:///"],
  ...[
    "unix:///run/a b'\"\n.sock",
    "unix:///run/a:b.sock",
    "unix:///run/a,b",
    "unix:///etc",
  ],
  ...["unix:///none/../etc", "unix:///run/..", "unix://run/a", "unix:///run/a/"],
];

async function furnish({ folder }: Desk): Promise<void> {
  await Deno.mkdir(`${folder}/nested`);
  for (const name of ["plain", "with space", "o'clock \"\n$(id)", "-dash", "a,b"]) {
    await Deno.writeTextFile(`${folder}/${name}`, "");
  }
}

function isFile(folder: string, path: string): boolean {
  try {
    return !Deno.statSync(path.startsWith("/") ? path : `${folder}/${path}`)
      .isDirectory;
  } catch {
    return false;
  }
}

/** The files that a command line names, by what the command's own parser made of it. */
function filesOf(
  { operands: definitions }: CommandDefinition,
  { operands, options }: CommandLine,
): readonly string[] {
  const named = [...options].filter(([name]) => {
    const { completion }: OptionDefinition = OPTIONS[name];
    return completion === "file";
  }).filter(([name, value]) => !(name === "log" && value === "-"));
  const takesFiles = definitions.some(({ completion }) => completion === "file");
  return [
    ...named.map(([, value]) => value),
    ...takesFiles ? operands.filter((word) => word !== "-") : [],
  ].filter((path) => path !== "");
}

/** The grants of a valid command line; undefined if none of them can be granted. */
function expectedGrants(
  folder: string,
  command: CommandDefinition,
  line: CommandLine,
): Readonly<Record<string, string>> | undefined {
  const grants: Record<string, string> = {};
  const reads = [...filesOf(command, line)];
  if (reads.some((path) => path.includes(",") || !isFile(folder, path))) {
    return undefined;
  }
  const address = parseListenAddress(line.options.get("grpc-addr"));
  if (command.options.includes("grpc-addr") && address.ok) {
    switch (address.value.kind) {
      case "tcp":
        grants["net"] = `${address.value.host}:${address.value.port}`;
        break;
      case "unix": {
        const { path } = address.value;
        const isGranted = !/,|\/\.\.(\/|$)/.test(path) && path !== "/etc";
        if (!isGranted) return undefined;
        Object.assign(grants, { net: `unix:${path}`, write: path });
        reads.push(path);
        break;
      }
      case "fd":
        grants["net"] = "127.0.0.1:50051";
    }
  }
  if (reads.length > 0) grants["read"] = reads.join(",");
  const runsIp = ["doctor", "bundle", "uninstall"].includes(command.name) ||
    command.name === "serve" && !line.options.has("dry-run");
  if (runsIp) grants["run"] = "ip";
  if (DRAWN.includes(command.name)) grants["env"] = "LANG,LC_ALL,LC_CTYPE,TERM";
  return grants;
}

/** Of a command line that the command refuses: nothing that it does not name. */
function assertNamed(
  words: readonly string[],
  { env, net, read = "", run, write = "" }: Readonly<Record<string, string>>,
): void {
  const values = words.flatMap((word) => [word, word.replace(/^--[a-z-]+=/s, "")]);
  const sockets = values.map((value) => value.replace(/^unix:\/\//, ""));
  const nets = [
    "127.0.0.1:50051",
    ...values.map((value) => value.replace(/^localhost/, "127.0.0.1")),
    ...values.map((value) => value.replace(/^unix:\/\//, "unix:")),
  ];
  const isNamed = [
    ...[...read.split(","), ...write.split(",")].map((path) =>
      path === "" || sockets.includes(path)
    ),
    net === undefined || nets.includes(net) && /^(unix:\/[^,]*|[^,]*:\d+)$/s.test(net),
    run === undefined || run === "ip",
    env === undefined || DRAWN.includes(words[0] ?? ""),
  ];
  assert.ok(!isNamed.includes(false), JSON.stringify({ read, write, net, run, env }));
}

const value = fc.constantFrom(
  ...FILES,
  ...NO_FILES,
  ...ADDRESSES,
  "-",
  "--",
  "-h",
  "json",
  "verify",
);
const optionName = fc.oneof(
  fc.constantFrom("grpc-addr", "tls-ca", "tls-key", "log", "caller", "dry-run", "yes"),
  fc.constantFrom(...Object.keys(OPTIONS)),
);
const word = fc.oneof(
  value.map((text) => [text]),
  optionName.map((name) => [`--${name}`]),
  fc.tuple(optionName, value).map(([name, text]) => [`--${name}`, text]),
  fc.tuple(optionName, value).map(([name, text]) => [`--${name}=${text}`]),
);
const commandName = fc.oneof(
  fc.constantFrom("audit", "sync", "serve", "bundle", "status"),
  fc.constantFrom(
    ...COMMANDS.map(({ name }) => name),
    "help",
    "--grpc-addr",
    "-V",
    "--",
  ),
);
const commandLine = fc.tuple(commandName, fc.array(word, { maxLength: 4 }))
  .map(([name, words]) => [...name.split(" "), ...words.flat()])
  .filter((words) => words.join(" ") !== "demo");

/** The command line alone, made of words that its command takes. */
const validLine = fc.constantFrom(...COMMANDS).filter(({ name }) => name !== "demo")
  .chain((command) =>
    fc.record({
      options: fc.subarray([...command.options]),
      operands: fc.array(value, { minLength: command.operands.length, maxLength: 3 }),
      values: fc.array(value, { minLength: 40, maxLength: 40 }),
      isFirst: fc.boolean(),
      hasEquals: fc.boolean(),
    }).map(({ hasEquals, isFirst, operands, options, values }) => {
      const given = options.flatMap((name, at) => {
        const { choices, value }: OptionDefinition = OPTIONS[name];
        if (value === undefined) return [`--${name}`];
        const text = choices?.[0] ?? values[at] ?? "";
        return hasEquals ? [`--${name}=${text}`] : [`--${name}`, text];
      });
      const words = command.operands.length === 0 ? [] : operands;
      return isFirst
        ? [...command.name.split(" "), ...words, ...given]
        : [...command.name.split(" "), ...given, ...words];
    })
  );

Deno.test("no command line makes quilt-sidecar grant more than it names, and one that is valid all of it", async () => {
  using desk = await makeDesk();
  await furnish(desk);
  let valid = 0;
  const play = async (words: readonly string[]): Promise<void> => {
    const launched = await desk.launch(words);
    const request = parseCommandLine(COMMANDS, words);
    const expected = request.kind === "run"
      ? expectedGrants(desk.folder, request.command, request.line)
      : undefined;
    if (launched.kind === "refused") {
      assert.equal(expected, undefined);
      assert.equal(launched.code, words[0] === "health" ? 1 : 2);
      assert.match(launched.sentence, /^Cannot (read|use) [^\n]+\n$/);
      return;
    }
    assert.deepEqual(launched.args, words);
    if (request.kind !== "run") return assertNamed(words, launched.grants);
    valid += 1;
    // What parseListenAddress refuses, the command refuses as well.
    const { options } = request.line;
    if (!parseListenAddress(options.get("grpc-addr")).ok) {
      return assertNamed(words, launched.grants);
    }
    assert.deepEqual(launched.grants, expected);
  };
  const numRuns = bounded(600, 120);
  await fc.assert(fc.asyncProperty(fc.oneof(commandLine, validLine), play), {
    numRuns,
  });
  assert.ok(valid > numRuns / 20, `${valid} of ${numRuns} were valid`);
});

Deno.test("quilt-sidecar grants nothing for the value of an option that names no file", async () => {
  using desk = await makeDesk();
  await furnish(desk);
  let looked = 0;
  for (const { name, options } of COMMANDS) {
    for (const option of options) {
      const { completion, value }: OptionDefinition = OPTIONS[option];
      if (value === undefined || completion === "file" || name === "demo") continue;
      const words = [...name.split(" "), `--${option}`, "plain", "-"];
      const { grants } = await started(desk, words);
      assert.equal(grants["read"], undefined, `${name} --${option}`);
      looked += 1;
    }
  }
  assert.ok(looked > 20, `${looked}`);
});

Deno.test("no switch but --dry-run changes what quilt-sidecar grants", async () => {
  using desk = await makeDesk();
  for (const { name, options } of COMMANDS) {
    const words = name.split(" ");
    const { grants: plain } = await started(desk, words);
    const isSwitch = (option: keyof typeof OPTIONS): boolean => {
      const { value }: OptionDefinition = OPTIONS[option];
      return value === undefined && option !== "dry-run";
    };
    const switches = options.filter(isSwitch).map((option) => `--${option}`);
    if (switches.length === 0) continue;
    assert.deepEqual(
      (await started(desk, [...words, ...switches])).grants,
      plain,
      name,
    );
  }
});

Deno.test("quilt-sidecar grants no net for an address that the command refuses", async () => {
  using desk = await makeDesk();
  const refused = ADDRESSES.filter((text) => !parseListenAddress(text).ok);
  for (const address of refused) {
    const launched = await desk.launch(["routes", "--grpc-addr", address]);
    if (launched.kind === "refused") continue;
    const { net, read, write } = launched.grants;
    assert.deepEqual([net, read, write], [undefined, undefined, undefined], address);
  }
});

Deno.test("quilt-sidecar names the fault of a path that cannot be granted, in one sentence", async () => {
  using desk = await makeDesk();
  await furnish(desk);
  const sentences = [
    [["sync", "missing"], /^Cannot read missing: there is no such file/],
    [
      ["audit", "-", "nested"],
      /^Cannot read nested: it is a directory; give a file\n$/,
    ],
    [["audit", "a,b"], /^Cannot read a,b: no path with a comma can be granted/],
    [["audit", "verify", "verify"], /^Cannot read verify: there is no such file/],
    [["audit", "--", "\u001b[31m"], /^Cannot read \?\[31m: there is no such file/],
    [["routes", "--grpc-addr", "unix:///etc"], /^Cannot use the socket \/etc: it is a/],
  ] as const;
  for (const [words, sentence] of sentences) {
    const launched = await desk.launch(words);
    assert.ok(launched.kind === "refused", words.join(" "));
    assert.match(launched.sentence, sentence);
    assert.equal(launched.sentence.split("\n").length, 2);
  }
});

Deno.test("quilt-sidecar fetches the packages of deno.lock once, and says how if it cannot", async () => {
  using desk = await makeDesk();
  const failed = await desk.launch(["man"], { installCode: 1 });
  assert.ok(failed.kind === "refused");
  assert.match(
    failed.sentence,
    /^Cannot fetch the packages of deno\.lock; see why with: [^\n]+\n$/,
  );
  const install = `${repository} install --quiet --frozen`;
  assert.deepEqual(desk.installs(), [install]);
  await started(desk, ["man"]);
  await started(desk, ["status"]);
  assert.deepEqual(desk.installs(), [install, install]);
});

Deno.test("quilt-sidecar takes the Deno in PATH, for serve only the tested version, else that of npx", async () => {
  using desk = await makeDesk();
  const denoFor = async (
    words: readonly string[],
    around: Parameters<Desk["launch"]>[1],
  ) => {
    const launched = await desk.launch(words, around);
    assert.ok(launched.kind === "started", JSON.stringify(launched));
    return launched.deno.split("/").slice(-2)[0];
  };
  const newer = { deno: `${TESTED_DENO_VERSION}0`, hasNpx: true };
  assert.equal(await denoFor(["status"], newer), "deno");
  assert.equal(
    await denoFor(["serve"], { ...newer, deno: TESTED_DENO_VERSION }),
    "deno",
  );
  assert.deepEqual(desk.npxCalls(), []);
  assert.equal(await denoFor(["serve"], newer), "of-npx");
  const call = `--yes --prefer-offline deno@${TESTED_DENO_VERSION} ` +
    "eval console.log(Deno.execPath())";
  assert.deepEqual(desk.npxCalls(), [call]);
  // npx takes a second or two: it is asked once.
  assert.equal(await denoFor(["health"], { deno: undefined, hasNpx: true }), "of-npx");
  assert.deepEqual(desk.npxCalls(), [call]);
  // serve itself says which versions do not work.
  using other = await makeDesk();
  const alone = await other.launch(["serve"], { deno: "2.9.5" });
  assert.equal(alone.kind, "started");
});

Deno.test("quilt-sidecar says in one sentence that there is neither Deno nor npx", async () => {
  using desk = await makeDesk();
  const launched = await desk.launch(["status"], { deno: undefined });
  const sentence =
    `Neither deno nor npx is in PATH; install Deno ${TESTED_DENO_VERSION}, or npm\n`;
  assert.deepEqual(launched, { kind: "refused", code: 1, sentence });
});

Deno.test("quilt-sidecar demo starts the program of the task demo", async () => {
  using desk = await makeDesk();
  const task = parseDenoRun(stringAt(objectAt(tasks, "demo"), "command"));
  const { args, grants, program } = await started(desk, ["demo"]);
  assert.deepEqual({ args, grants }, {
    args: [],
    grants: splitFlags(task.flags).grants,
  });
  assert.equal(program, `${repository}/${task.program}`);
  // What is no demo, the program refuses or explains.
  const { grants: none } = await started(desk, ["demo", "--help"]);
  assert.deepEqual(none, {});
});

Deno.test("the process that quilt-sidecar starts in the background is the sidecar itself, so that kill ends it, and its log has no control codes", async () => {
  await using namespace = await makeQuietNamespace();
  const programs = await Deno.makeTempDir();
  await Deno.symlink(Deno.execPath(), `${programs}/deno`);
  const env = { PATH: `${programs}:${Deno.env.get("PATH")}` };
  {
    await using sidecar = await startSidecar(namespace, {
      command: ["env", "--unset=NO_COLOR", LAUNCHER, "serve"],
      env,
    });
    assert.equal(Deno.readLinkSync(`/proc/${sidecar.pid}/exe`), Deno.execPath());
    assert.equal((await sidecar.stop()).code, 0, sidecar.log.join("\n"));
    assert.doesNotMatch(sidecar.log.join(""), /\p{Cc}/u);
  }
  await Deno.remove(programs, { recursive: true });
});
