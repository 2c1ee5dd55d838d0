import assert from "node:assert/strict";
import fc from "fast-check";
import {
  COMMAND_GROUPS,
  type CommandDefinition,
} from "../../../src/cli/command_definition.ts";
import { parseCommandLine, type Request } from "../../../src/cli/command_line.ts";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { type OptionDefinition, OPTIONS } from "../../../src/cli/options.ts";
import { SIDECAR_VERSION } from "../../../src/shared/versions.ts";

/** A command with every kind of word. */
const INJECT: CommandDefinition = {
  name: "inject",
  group: "change",
  summary: "add a route",
  description: "Adds a route.",
  operands: [
    { name: "DESTINATION", help: "a node's subnet" },
    { name: "FILE", help: "more of them", isOptional: true, isRepeated: true },
  ],
  options: ["grpc-addr", "json", "log-level"],
  exitCodes: [[0, "done"]],
  load: () => Promise.reject(new Error("not to be loaded")),
};

const ALONE: CommandDefinition = {
  ...INJECT,
  name: "alone",
  operands: [],
  usageExit: 1,
};

/** A command of two words, of which the first is one as well. */
const INJECT_ALL: CommandDefinition = {
  ...INJECT,
  name: "inject all",
  operands: [{ name: "FILE", help: "a file", isRepeated: true }],
};

function parse(...words: readonly string[]): Request {
  return parseCommandLine([INJECT, INJECT_ALL, ALONE], words);
}

function fault(...words: readonly string[]): string {
  const request = parse(...words);
  assert.ok(request.kind === "fault", JSON.stringify(request));
  return request.sentence;
}

function shown(...words: readonly string[]): string {
  const request = parse(...words);
  assert.ok(request.kind === "show", JSON.stringify(request));
  return request.text;
}

Deno.test("a command line is a command with its operands and options, in any order", () => {
  for (
    const words of [
      ["inject", "10.42.2.0/24", "--json", "--grpc-addr", "x", "a", "b"],
      ["inject", "--grpc-addr=x", "10.42.2.0/24", "a", "--json", "b"],
      ["inject", "--json", "--grpc-addr", "x", "--", "10.42.2.0/24", "a", "b"],
    ]
  ) {
    const request = parse(...words);
    assert.ok(request.kind === "run", JSON.stringify(request));
    assert.equal(request.command, INJECT);
    assert.deepEqual(request.line.operands, ["10.42.2.0/24", "a", "b"]);
    assert.deepEqual(Object.fromEntries(request.line.options), {
      "grpc-addr": "x",
      "json": "",
    });
  }
});

Deno.test("a command of two words is meant where the second one stands right behind the first", () => {
  const commandOf = (...words: readonly string[]): readonly unknown[] => {
    const request = parse(...words);
    assert.ok(request.kind === "run", JSON.stringify(request));
    return [request.command.name, ...request.line.operands];
  };
  assert.deepEqual(commandOf("inject", "all", "a"), ["inject all", "a"]);
  assert.deepEqual(commandOf("inject", "all", "all"), ["inject all", "all"]);
  assert.deepEqual(commandOf("inject", "all", "--json", "a"), ["inject all", "a"]);
  assert.deepEqual(commandOf("inject", "./all"), ["inject", "./all"]);
  assert.deepEqual(commandOf("inject", "--", "all"), ["inject", "all"]);
  assert.deepEqual(commandOf("inject", "--json", "all"), ["inject", "all"]);
  assert.equal(
    fault("inject", "all"),
    "inject all needs FILE; see quilt-sidecar inject all --help",
  );
  assert.match(
    fault("inject", "all", "--jsn"),
    /^Unknown option "--jsn"; did you mean/,
  );
  const help = shown("help", "inject", "all");
  assert.match(help, /^Usage: quilt-sidecar inject all \[options\] <FILE\.\.\.>\n/);
  assert.equal(shown("inject", "all", "--help"), help);
});

Deno.test("a mistyped option, command or topic is refused with the closest name", () => {
  assert.equal(
    fault("inject", "x", "--grpc-adr", "127.0.0.1:1"),
    'Unknown option "--grpc-adr"; did you mean --grpc-addr?',
  );
  assert.equal(
    fault("inject", "x", "--grpc-adr=127.0.0.1:1"),
    'Unknown option "--grpc-adr"; did you mean --grpc-addr?',
  );
  assert.equal(fault("injct"), 'Unknown command "injct"; did you mean inject?');
  assert.equal(fault("help", "injct"), 'Unknown command "injct"; did you mean inject?');
  assert.equal(
    fault("--versoin"),
    'Unknown option "--versoin"; did you mean --version?',
  );
  for (const name of ["-j", "--no-json", "--tls-crt", "--__proto__", "--toString"]) {
    assert.match(fault("inject", "x", name), /^Unknown option "/);
  }
});

Deno.test("a value or an operand that is missing, superfluous or given twice is named", () => {
  const see = "see quilt-sidecar inject --help";
  assert.equal(fault("inject"), `inject needs DESTINATION; ${see}`);
  assert.equal(
    fault("inject", "x", "--grpc-addr"),
    `--grpc-addr needs a value; ${see}`,
  );
  assert.equal(
    fault("inject", "x", "--grpc-addr", "--json"),
    `--grpc-addr needs a value; ${see}`,
  );
  assert.equal(fault("inject", "x", "--json=1"), '--json takes no value, got "1"');
  assert.equal(fault("inject", "x", "--json", "--json"), "--json is given twice");
  assert.equal(
    fault("alone", "50051"),
    'Unexpected argument "50051"; alone takes only options',
  );
  assert.equal(
    fault("alone", "--", "50051"),
    'Unexpected argument "50051"; alone takes only options',
  );
  assert.equal(
    fault("alone", "--log-level", "INFO"),
    'Invalid --log-level "INFO"; use one of trace, debug, info, warn, error',
  );
  assert.equal(fault(), "No command is given; see quilt-sidecar help");
});

Deno.test("a wrong command line ends with 2, or with what its command says", () => {
  const exitCode = (...words: readonly string[]): number => {
    const request = parse(...words);
    assert.ok(request.kind === "fault");
    return request.exitCode;
  };
  assert.deepEqual([exitCode(), exitCode("x"), exitCode("inject")], [2, 2, 2]);
  assert.deepEqual([exitCode("alone", "x"), exitCode("alone", "--x")], [1, 1]);
});

Deno.test("-h, --help, help and help COMMAND show the help, whatever else is there", () => {
  const all = shown("help");
  assert.match(all, /^Usage: quilt-sidecar COMMAND \[options\]\n/);
  assert.match(all, /^ {2}inject DESTINATION \[FILE\.\.\.\] +add a route$/m);
  assert.equal(shown("-h"), all);
  assert.equal(shown("--help"), all);
  const one = shown("help", "inject");
  assert.match(
    one,
    /^Usage: quilt-sidecar inject \[options\] <DESTINATION> \[FILE\.\.\.\]\n/,
  );
  for (const word of ["Adds a route.", "--grpc-addr <ADDRESS>", "Exit codes:"]) {
    assert.ok(one.includes(word), word);
  }
  assert.equal(shown("inject", "-h"), one);
  assert.equal(shown("inject", "--help"), one);
  assert.equal(shown("inject", "--grpc-addr", "x", "--help"), one);
  assert.equal(shown("-V"), SIDECAR_VERSION);
  assert.equal(shown("--version"), SIDECAR_VERSION);
});

Deno.test("the help lists each command in its group, on one line, and first the three to begin with", () => {
  const help = parseCommandLine(COMMANDS, ["help"]);
  assert.ok(help.kind === "show");
  const groups = help.text.split("\n\n")
    .map((group) => group.split("\n"))
    .filter(([title = ""]) => title.endsWith(":"));
  assert.deepEqual(
    groups.map(([title]) => title),
    Object.values(COMMAND_GROUPS).map((title) => `${title}:`),
  );
  assert.deepEqual(
    groups[0]?.slice(1).map((line) => line.trim().split(" ")[0]),
    ["status", "doctor", "events"],
  );
  const listed = groups.flatMap(([, ...lines]) => lines);
  assert.deepEqual(
    listed.map((line) => line.replace(/^ {2}([a-z]+(?: [a-z]+)?) .*$/, "$1")),
    [...COMMANDS.map(({ name }) => name), "help"],
  );
  for (const { name, summary } of COMMANDS) {
    assert.ok(
      listed.some((line) => line.startsWith(`  ${name} `) && line.endsWith(summary)),
      name,
    );
  }
});

Deno.test("every word of a fault is quoted: no control character gets through", () => {
  assert.match(
    fault("inject", "x", "--\u001b[2J\n"),
    /^Unknown option "--\\u001b\[2J\\n"; [ -~]*$/,
  );
  assert.match(fault("\u001b[2J\n"), /^Unknown command "\\u001b\[2J\\n"; [ -~]*$/);
});

Deno.test("any words at all end in a request, and a fault is one line", () => {
  const names = COMMANDS.map(({ name }) => name);
  const word = fc.oneof(
    fc.constantFrom(...names, "help", "--help", "-h", "-V", "--", "-", ""),
    fc.constantFrom(...Object.keys(OPTIONS)).map((name) => `--${name}`),
    fc.string({ unit: "binary", maxLength: 12 }),
  );
  fc.assert(fc.property(fc.array(word, { maxLength: 6 }), (words) => {
    const request = parseCommandLine(COMMANDS, words);
    if (request.kind !== "fault") return;
    assert.match(request.sentence, /^[^\p{Cc}]+$/u, JSON.stringify(words));
  }));
});

Deno.test("every command says what it does, and its options are in its help", () => {
  for (const { description, name, options, summary } of COMMANDS) {
    assert.match(summary, /^[a-z].*[^.]$/, name);
    assert.match(description, /^[A-Z].*\.$/s, name);
    const help = parseCommandLine(COMMANDS, ["help", name]);
    assert.ok(help.kind === "show");
    for (const option of options) {
      const { value }: OptionDefinition = OPTIONS[option];
      const flag = value === undefined ? `--${option} ` : `--${option} <${value}>`;
      assert.ok(help.text.includes(flag), `${name} ${flag}`);
    }
    for (const line of help.text.split("\n")) assert.ok(line.length <= 88, line);
  }
});
