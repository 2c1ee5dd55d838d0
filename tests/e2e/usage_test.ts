/** The help, the version, and what is printed for a wrong command line. */
import assert from "node:assert/strict";
import { COMMANDS } from "../../src/cli/commands.ts";
import { SIDECAR_VERSION } from "../../src/shared/versions.ts";
import { objectAt, parseJsonObject } from "../../deploy/json.ts";
import { type Finished, runToEnd } from "../support/namespace.ts";
import { repository } from "../support/serve_task.ts";
import { bounded, partOf } from "../support/suite.ts";
import { LAUNCHED } from "./operator.ts";

function launch(...words: readonly string[]): Promise<Finished> {
  return runToEnd([LAUNCHED.program, ...words], { env: LAUNCHED.env });
}

/** As operators type it. */
function task(...words: readonly string[]): Promise<Finished> {
  const line = [Deno.execPath(), "task", "--quiet", ...words];
  return runToEnd(line, { env: { NO_COLOR: "1" } });
}

/** The text of a command line that shows one. */
async function textOf(...words: readonly string[]): Promise<string> {
  const { code, stderr, stdout } = await launch(...words);
  assert.deepEqual([code, stderr], [0, ""], words.join(" "));
  return stdout;
}

Deno.test("help, --help and -h list every command, and -V shows the version", async () => {
  const help = await textOf("help");
  for (const { name } of COMMANDS) {
    assert.match(help, new RegExp(`^  ${name} `, "m"));
  }
  assert.equal(await textOf("-V"), `${SIDECAR_VERSION}\n`);
  for (
    const words of partOf(
      [["--help"], ["-h"], ["help", "help"]],
      1,
    )
  ) {
    assert.equal(await textOf(...words), help, words.join(" "));
  }
  assert.equal(await textOf("--version"), `${SIDECAR_VERSION}\n`);
});

const NAMES = COMMANDS.map(({ name }) => name).filter((name) => name !== "demo");

Deno.test("help COMMAND and COMMAND --help show the same: how it is called, its options, and how it ends", async () => {
  for (const name of bounded(NAMES, ["status"])) {
    const words = name.split(" ");
    const help = await textOf("help", ...words);
    assert.ok(help.startsWith(`Usage: quilt-sidecar ${name} `), help);
    assert.match(help, /\n\nExit codes:\n {2}0 /);
    assert.ok(help.split("\n").every((line) => line.length <= 88), help);
    assert.equal(await textOf(...words, "--help"), help);
    assert.equal(await textOf(...words, "-h"), help);
  }
});

/** Without one that begins the command line, as with deno task, nothing is asked. */
const WRONG: readonly (readonly [words: readonly string[], sentence: string])[] = [
  [["stauts"], 'Unknown command "stauts"; did you mean status?'],
  [["status", "--wacth"], 'Unknown option "--wacth"; did you mean --watch?'],
  [[], "No command is given; see quilt-sidecar help"],
  [["help", "rotues"], 'Unknown command "rotues"; did you mean routes?'],
  [["--verison"], 'Unknown option "--verison"; did you mean --version?'],
  [["sync"], "sync needs FILE; see quilt-sidecar sync --help"],
  [
    ["inject", "10.42.2.0/24"],
    "inject needs DEVICE; see quilt-sidecar inject --help",
  ],
  [
    ["remove", "10.42.2.0/24", "vxlan100"],
    'Unexpected argument "vxlan100"; remove takes DESTINATION and options',
  ],
  [["status", "--json", "--json"], "--json is given twice"],
  [["status", "--json=yes"], '--json takes no value, got "yes"'],
  [["routes", "--device"], "--device needs a value; see quilt-sidecar routes --help"],
  [
    ["completions", "tcsh"],
    'Invalid SHELL "tcsh"; use one of bash, zsh, fish',
  ],
  [
    ["audit", "-", "--outcome", "perhaps"],
    'Invalid --outcome "perhaps"; use one of done, failed, unknown, dry-run',
  ],
];

Deno.test("a command line that is wrong ends with 2 and one sentence, which suggests what is near", async () => {
  for (const [words, sentence] of partOf(WRONG, 3)) {
    const expected = { code: 2, stdout: "", stderr: `${sentence}\n` };
    assert.deepEqual(await launch(...words), expected);
  }
});

const tasks = objectAt(
  parseJsonObject(Deno.readTextFileSync(`${repository}/deno.json`)),
  "tasks",
);

Deno.test("each task passes its words on, and ends as its command does", async () => {
  const named = NAMES.filter((name) => name in tasks);
  for (const name of bounded(named, ["health", "inject", "serve"])) {
    const { code, stderr, stdout } = await task(name, "--bogus");
    assert.deepEqual([code, stdout], [name === "health" ? 1 : 2, ""], name);
    assert.match(
      stderr,
      /^(\S+Z ERROR: )?Unknown option "--bogus"; did you mean --[a-z-]+\?\n$/,
    );
  }
});
