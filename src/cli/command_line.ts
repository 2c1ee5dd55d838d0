/** From the words of a command line to a command, to the help, or to one sentence. */
import { type Command, CommanderError, createCommand, Option } from "commander";
import { quote } from "../shared/quote.ts";
import { SIDECAR_VERSION } from "../shared/versions.ts";
import {
  COMMAND_GROUPS,
  type CommandDefinition,
  type CommandLine,
  type Refusal,
} from "./command_definition.ts";
import { EXIT_USAGE } from "./exit.ts";
import { type OptionDefinition, type OptionName, OPTIONS } from "./options.ts";
import { closest } from "./suggestion.ts";

/** The name that operators type. */
export const PROGRAM = "quilt-sidecar";

/** What a command line asks for. */
export type Request =
  | {
    readonly kind: "run";
    readonly command: CommandDefinition;
    readonly line: CommandLine;
  }
  /** Text for standard output. */
  | { readonly kind: "show"; readonly text: string }
  | (Refusal & { readonly kind: "fault" });

/** Parses the words behind the program's name. Never throws. */
export function parseCommandLine(
  definitions: readonly CommandDefinition[],
  words: readonly string[],
): Request {
  const parser = new Parser(definitions);
  return parser.parse(words);
}

/** The columns that the help takes at most, whatever the terminal has. */
const HELP_WIDTH = 88;

/** One use of commander, whose own texts are of several lines and of other words. */
class Parser {
  readonly #definitions: readonly CommandDefinition[];
  readonly #program: Command;
  #shown = "";
  #request: Request | undefined;

  constructor(definitions: readonly CommandDefinition[]) {
    this.#definitions = definitions;
    this.#program = this.#configured(createCommand(PROGRAM))
      .description(
        "The sidecar of Quilt programs the overlay routes of this node for the mesh agent.\n" +
          "The command serve is the sidecar. The others ask it, or read its files.",
      )
      .usage("COMMAND [options]")
      .version(SIDECAR_VERSION, "-V, --version", "show the version")
      // The commands come first; the lines below them name the options.
      .configureHelp({ visibleOptions: () => [], subcommandTerm: termOf })
      .helpCommand(false)
      .addHelpText(
        "after",
        `\n${PROGRAM} help COMMAND shows the operands, options and exit codes of a command.` +
          `\n${PROGRAM} -V shows the version. docs/cli.md is the documentation.`,
      );
    for (const definition of definitions) this.#add(definition);
    this.#program.addHelpCommand(
      this.#configured(createCommand("help")).argument("[COMMAND]")
        .summary("show this help, or the help of a command")
        .helpGroup(`${COMMAND_GROUPS.maintain}:`),
    );
  }

  parse(typed: readonly string[]): Request {
    if (typed.length === 0) {
      return this.#fault(undefined, `No command is given; see ${PROGRAM} help`);
    }
    const words = typed[0] === "help"
      ? ["help", ...this.#joined(typed.slice(1))]
      : this.#joined(typed);
    const [first, topic] = words;
    if (first === "help" && topic !== undefined && !this.#knows(topic)) {
      return this.#fault(undefined, this.#unknownCommand(topic));
    }
    // Of its own help commander knows nothing to show.
    const asked = first === "help" && topic === "help" ? ["help"] : words;
    try {
      this.#program.parse(asked, { from: "user" });
    } catch (cause) {
      if (!(cause instanceof CommanderError)) throw cause;
      return this.#interpret(cause, words);
    }
    return this.#request ?? this.#fault(undefined, "No command is given");
  }

  /** The words with a command of two words, such as `audit verify`, as the first one. */
  #joined(words: readonly string[]): readonly string[] {
    const [first, second, ...rest] = words;
    const name = `${first} ${second}`;
    return this.#definitions.some((each) => each.name === name)
      ? [name, ...rest]
      : words;
  }

  #configured(command: Command): Command {
    return command
      .exitOverride()
      .configureOutput({
        writeOut: (text) => this.#shown += text,
        writeErr: () => {},
        getOutHelpWidth: () => HELP_WIDTH,
        getOutHasColors: () => false,
      })
      .configureHelp({ showGlobalOptions: false, sortSubcommands: false })
      .showSuggestionAfterError(false)
      .allowExcessArguments()
      .helpOption("-h, --help", "show this help");
  }

  #add(definition: CommandDefinition): void {
    const { description, group, name, operands, options, summary } = definition;
    const command = this.#configured(createCommand(name))
      .helpGroup(`${COMMAND_GROUPS[group]}:`)
      .summary(summary)
      .description(description);
    for (const { help, isOptional, isRepeated, name } of operands) {
      const word = isRepeated === true ? `${name}...` : name;
      command.argument(isOptional === true ? `[${word}]` : `<${word}>`, help);
    }
    const given = new Map<OptionName, string>();
    const repeated: OptionName[] = [];
    for (const name of options) {
      command.addOption(optionOf(definition, name));
      command.on(`option:${name}`, (value?: string) => {
        if (given.has(name)) repeated.push(name);
        given.set(name, value ?? "");
      });
    }
    command.addHelpText("after", `\n${exitCodes(definition)}`);
    command.action(() => {
      this.#request = this.#check(definition, given, repeated, command.args);
    });
    this.#program.addCommand(command);
  }

  #check(
    definition: CommandDefinition,
    options: ReadonlyMap<OptionName, string>,
    [repeated]: readonly OptionName[],
    operands: readonly string[],
  ): Request {
    const { name } = definition;
    for (const [option, value] of options) {
      const { choices, value: placeholder }: OptionDefinition = OPTIONS[option];
      if (placeholder !== undefined && value.startsWith("--")) {
        return this.#fault(definition, needsValue(name, option));
      }
      if (choices !== undefined && !choices.includes(value)) {
        const offered = choices.join(", ");
        return this.#fault(
          definition,
          `Invalid --${option} ${quote(value)}; use one of ${offered}`,
        );
      }
    }
    if (repeated !== undefined) {
      return this.#fault(definition, `--${repeated} is given twice`);
    }
    for (const [at, { choices, name }] of definition.operands.entries()) {
      const word = operands[at];
      if (word !== undefined && choices !== undefined && !choices.includes(word)) {
        const offered = choices.join(", ");
        return this.#fault(
          definition,
          `Invalid ${name} ${quote(word)}; use one of ${offered}`,
        );
      }
    }
    const last = definition.operands.at(-1);
    const unexpected = last?.isRepeated === true
      ? undefined
      : operands[definition.operands.length];
    if (unexpected !== undefined) {
      const taken = definition.operands.map(({ name }) => name);
      return this.#fault(
        definition,
        `Unexpected argument ${quote(unexpected)}; ${name} takes ` +
          (taken.length === 0 ? "only options" : `${taken.join(" ")} and options`),
      );
    }
    return { kind: "run", command: definition, line: { options, operands } };
  }

  #interpret(error: CommanderError, words: readonly string[]): Request {
    const definition = this.#definitions.find(({ name }) => name === words[0]);
    const [, subject = ""] = /'(.*)'/s.exec(error.message) ?? [];
    switch (error.code) {
      case "commander.help":
      case "commander.helpDisplayed":
      case "commander.version":
        return { kind: "show", text: this.#shown.trimEnd() };
      case "commander.unknownCommand":
        return this.#fault(undefined, this.#unknownCommand(subject));
      case "commander.unknownOption":
        return this.#fault(definition, unknownOption(definition, subject));
      case "commander.missingArgument":
        return this.#fault(
          definition,
          `${definition?.name} needs ${subject}; see ` +
            `${PROGRAM} ${definition?.name} --help`,
        );
      case "commander.optionMissingArgument": {
        const [, option = ""] = /--([a-z-]+)/.exec(subject) ?? [];
        return this.#fault(definition, needsValue(definition?.name ?? "", option));
      }
      default:
        return this.#fault(definition, error.message);
    }
  }

  #knows(name: string): boolean {
    return name === "help" || this.#definitions.some((each) => each.name === name);
  }

  #unknownCommand(name: string): string {
    const names = ["help", ...this.#definitions.map(({ name }) => name)];
    return `Unknown command ${quote(name)}; did you mean ${closest(name, names)}?`;
  }

  #fault(definition: CommandDefinition | undefined, sentence: string): Request {
    return { kind: "fault", sentence, exitCode: definition?.usageExit ?? EXIT_USAGE };
  }
}

/** In the list of commands, where each has one line. */
function termOf(command: Command): string {
  const operands = command.registeredArguments.map((operand) => {
    const name = operand.variadic ? `${operand.name()}...` : operand.name();
    return operand.required ? name : `[${name}]`;
  });
  return [command.name(), ...operands].join(" ");
}

function needsValue(command: string, option: string): string {
  return `--${option} needs a value; see ${PROGRAM} ${command} --help`;
}

function unknownOption(
  definition: CommandDefinition | undefined,
  word: string,
): string {
  const [flag = word] = word.split("=", 1);
  const names: readonly string[] = definition?.options ?? [];
  const name = flag.replace(/^--/, "");
  if (word.includes("=") && names.includes(name)) {
    return `--${name} takes no value, got ${quote(word.slice(flag.length + 1))}`;
  }
  const all = [...names, "help", ...definition === undefined ? ["version"] : []];
  return `Unknown option ${quote(flag)}; did you mean --${closest(name, all)}?`;
}

function optionOf(
  { optionHelp }: Pick<CommandDefinition, "optionHelp">,
  name: OptionName,
): Option {
  const { choices, help, value }: OptionDefinition = OPTIONS[name];
  const flag = value === undefined ? `--${name}` : `--${name} <${value}>`;
  const listed = choices === undefined ? "" : `; one of ${choices.join(", ")}`;
  return new Option(flag, `${optionHelp?.[name] ?? help}${listed}`);
}

function exitCodes({ exitCodes }: CommandDefinition): string {
  const lines = exitCodes.map(([code, meaning]) =>
    `  ${String(code).padEnd(4)}${meaning}`
  );
  return ["Exit codes:", ...lines].join("\n");
}
