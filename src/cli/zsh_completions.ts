/** Completions for zsh: zshcompsys(1). */
import type { CommandDefinition } from "./command_definition.ts";
import { PROGRAM } from "./command_line.ts";
import {
  definitionOf,
  DEVICES,
  helpOf,
  type Offer,
  offerOf,
  pairsOfWords,
} from "./completion_offers.ts";

/** The text that zsh sources, or has in a file of its `fpath`. */
export function zshCompletions(commands: readonly CommandDefinition[]): string {
  const list = commands.filter(({ name }) => !name.includes(" "))
    .map(({ name, summary }) =>
      `    ${quoted(`${name}:${summary.replaceAll(":", "\\:")}`)}`
    );
  const pairs = pairsOfWords(commands);
  return [
    `#compdef ${PROGRAM}`,
    "_quilt_sidecar() {",
    "  local -a commands=(",
    ...list,
    "    'help:show the help of a command'",
    "  )",
    "  if ((CURRENT == 2)); then",
    "    _describe command commands -- '(--help --version)'; return",
    "  fi",
    "  local command=$words[2]",
    "  shift words; ((CURRENT--))",
    "  if ((CURRENT > 2)); then case $command:$words[2] in",
    ...pairs.map(({ first, second }) =>
      `    ${first}:${second}) command='${first} ${second}'; shift words; ((CURRENT--)) ;;`
    ),
    "  esac; fi",
    "  case $command:$CURRENT:$PREFIX in",
    "    *:-*) ;;",
    ...pairs.map(({ first, second }) => `    ${first}:2:*) compadd ${second} ;;`),
    "  esac",
    "  case $command in",
    "    help) ((CURRENT > 2)) || _describe command commands ;;",
    ...commands.map(argumentsOf),
    "  esac",
    "}",
    'if [[ $funcstack[1] == _quilt_sidecar ]]; then _quilt_sidecar "$@"',
    `else compdef _quilt_sidecar ${PROGRAM}; fi`,
  ].join("\n");
}

function argumentsOf(command: CommandDefinition): string {
  const options = command.options.map((name) => {
    const definition = definitionOf(name);
    const help = helpOf(command, name).replaceAll(/([[\]:\\])/g, "\\$1");
    return definition.value === undefined
      ? `--${name}[${help}]`
      // With = both --option VALUE and --option=VALUE are known.
      : `--${name}=[${help}]:${definition.value}:${action(offerOf(definition))}`;
  });
  const operands = command.operands.map((operand, at) => {
    const place = operand.isRepeated === true ? "*" : String(at + 1);
    return `${place}:${operand.name}:${action(offerOf(operand))}`;
  });
  const specs = [...options, ...operands, "--help[show this help]"];
  return [
    `    ${quoted(command.name)})`,
    "      _arguments \\",
    ...specs.map((spec, at) =>
      `        ${quoted(spec)}${at === specs.length - 1 ? " ;;" : " \\"}`
    ),
  ].join("\n");
}

function action(offer: Offer): string {
  switch (offer.kind) {
    case "words":
      return `(${offer.words.join(" ")})`;
    case "file":
      return "_files";
    case "device":
      return `(${"$"}{(f)"$(command ls ${DEVICES})"})`;
    case "nothing":
      return " ";
    default:
      return offer satisfies never;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
