/** The part of docs/cli.md that is made from the definitions of the commands. */
import type { CommandDefinition } from "../../src/cli/command_definition.ts";
import { PROGRAM } from "../../src/cli/command_line.ts";
import {
  type OptionDefinition,
  type OptionName,
  OPTIONS,
  TARGET_OPTIONS,
} from "../../src/cli/options.ts";
import { type GeneratedPart, replacePart, table } from "./generated_part.ts";
import { repository } from "./serve_task.ts";

/** The page that has it. */
export const REFERENCE_PAGE = `${repository}/docs/cli.md`;

const PART: GeneratedPart = {
  begin: "<!-- Made by deno task generate from src/cli/commands.ts: -->",
  end: "<!-- End of what deno task generate makes. -->",
};

/** Where the options stand that every client has. */
const ACCESS = "### Options of access";

/**
 * The page with the part for these commands made anew, formatted as `deno fmt` does.
 *
 * @throws {Error} if the page has no place for it, or cannot be formatted
 */
export function withReference(
  page: string,
  commands: readonly CommandDefinition[],
): Promise<string> {
  const made = [ACCESS, describeAccess(), ...commands.map(describeCommand)]
    .join("\n\n");
  return replacePart(page, PART, made);
}

/** A command in Markdown: usage, what it does, operands, options and exit codes. */
export function describeCommand(command: CommandDefinition): string {
  const { description, exitCodes, name, operands, options } = command;
  const words = operands.map(({ isOptional, isRepeated, name }) => {
    const word = isRepeated === true ? `${name}...` : name;
    return isOptional === true ? `[${word}]` : word;
  });
  const usage = [PROGRAM, name, ...words, ...options.length > 0 ? ["[options]"] : []];
  const isClient = options.includes("grpc-addr") &&
    command.optionHelp?.["grpc-addr"] === undefined;
  const own = options.filter((option) => !isClient || !isTargetOption(option));
  const given = [
    ...operands.map(({ choices, help, name }) => [name, withChoices(help, choices)]),
    ...own.map((option) => optionRow(option, command.optionHelp)),
  ];
  return [
    `### ${name}`,
    ["```text", usage.join(" "), "```"].join("\n"),
    description,
    ...given.length === 0 ? [] : [table(["Operand or option", "Meaning"], given)],
    ...isClient ? ["It also takes the [options of access](#options-of-access)."] : [],
    table(
      ["Exit code", "Meaning"],
      exitCodes.map(([code, meaning]) => [String(code), meaning]),
    ),
  ].join("\n\n");
}

function isTargetOption(option: OptionName): boolean {
  return TARGET_OPTIONS.some((each) => each === option);
}

function describeAccess(): string {
  return table(["Option", "Meaning"], TARGET_OPTIONS.map((name) => optionRow(name)));
}

function optionRow(
  name: OptionName,
  optionHelp: CommandDefinition["optionHelp"] = {},
): readonly [string, string] {
  const { choices, help, value }: OptionDefinition = OPTIONS[name];
  const flag = value === undefined ? `--${name}` : `--${name} ${value}`;
  // The help names this page.
  const here = (optionHelp[name] ?? help).replace("docs/cli.md", "[JSON](#json)");
  return [flag, withChoices(here, choices)];
}

function withChoices(help: string, choices?: readonly string[]): string {
  if (choices === undefined) return help;
  const listed = choices.map((choice) => `\`${choice}\``).join(", ");
  return `${help}; one of ${listed}`;
}
