/** The command `man`: the manual page as man(7) describes it. */
import { SIDECAR_VERSION } from "../shared/versions.ts";
import type { CommandDefinition, CommandEnd } from "./command_definition.ts";
import { PROGRAM } from "./command_line.ts";
import { COMMANDS } from "./commands.ts";
import { type OptionDefinition, type OptionName, OPTIONS } from "./options.ts";
import { showText } from "./output.ts";

/** Runs the command `man`. */
export function man(): Promise<CommandEnd> {
  return showText(manPage(COMMANDS));
}

/** The whole page; what is in every command's words comes from its definition. */
export function manPage(commands: readonly CommandDefinition[]): string {
  return [
    `.TH QUILT-SIDECAR 1 "" "quilt-sidecar ${SIDECAR_VERSION}" "Quilt"`,
    ".SH NAME",
    text(
      `${PROGRAM} - program the overlay routes of this node for the Quilt mesh agent`,
    ),
    ".SH SYNOPSIS",
    `.B ${text(PROGRAM)}`,
    text("COMMAND [options]"),
    ".SH COMMANDS",
    ...commands.flatMap(describeCommand),
    ".SH ENVIRONMENT",
    ...item("NO_COLOR", "If it is set, the output has no colours."),
    ...item(
      "LC_ALL, LC_CTYPE, LANG",
      "Characters other than ASCII are printed only in a UTF-8 locale.",
    ),
    ".SH SEE ALSO",
    ".BR ip (8),",
    ".BR ip\\-route (8),",
    ".BR bridge (8)",
  ].join("\n");
}

function describeCommand(command: CommandDefinition): readonly string[] {
  const { description, exitCodes, name, operands, options } = command;
  const words = operands.map(({ isOptional, isRepeated, name }) => {
    const word = isRepeated === true ? `${name}...` : name;
    return isOptional === true ? `[${word}]` : word;
  });
  return [
    `.SS ${text([name, ...words, "[options]"].join(" "))}`,
    text(description),
    ...operands.flatMap(({ choices, help, name }) => item(name, listed(help, choices))),
    ...options.flatMap((option) => describeOption(command, option)),
    ...item(
      "Exit codes",
      exitCodes.map(([code, meaning]) => `${code}: ${meaning}`).join("; "),
    ),
  ];
}

function describeOption(
  { optionHelp }: CommandDefinition,
  name: OptionName,
): readonly string[] {
  const { choices, help, value }: OptionDefinition = OPTIONS[name];
  const flag = value === undefined ? `--${name}` : `--${name} ${value}`;
  return item(flag, listed(optionHelp?.[name] ?? help, choices));
}

function listed(help: string, choices: readonly string[] | undefined): string {
  return choices === undefined ? help : `${help}; one of ${choices.join(", ")}`;
}

function item(term: string, meaning: string): readonly string[] {
  return [".TP", `.B ${text(term)}`, text(meaning)];
}

/** Columns of a line of the source, for who reads or compares that. */
const COLUMNS = 78;

/** As roff reads it: no hyphen of ours is a typographer's, and no line is a request. */
function text(plain: string): string {
  const escaped = plain.replaceAll("\\", "\\e").replaceAll("-", "\\-");
  const lines: string[] = [];
  for (const word of escaped.split(" ")) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length <= COLUMNS) lines.pop();
    lines.push(longer.length <= COLUMNS ? longer : word);
  }
  return lines.map((line) => line.replace(/^([.'])/, "\\&$1")).join("\n");
}
