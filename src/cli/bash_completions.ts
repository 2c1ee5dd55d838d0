/** Completions for bash(1), "Programmable Completion". */
import type { CommandDefinition } from "./command_definition.ts";
import { PROGRAM } from "./command_line.ts";
import {
  definitionOf,
  DEVICES,
  type Offer,
  offerOf,
  operandOffers,
  valueNames,
} from "./completion_offers.ts";

/** The text that bash sources. */
export function bashCompletions(commands: readonly CommandDefinition[]): string {
  const names = [...commands.map(({ name }) => name), "help"].join(" ");
  const withValue = valueNames(commands);
  const values = withValue.map((name) =>
    `    --${name}) ${action(offerOf(definitionOf(name)))}; return ;;`
  );
  const options = commands.map(({ name, options }) => {
    const flags = [...options, "help"].map((option) => `--${option}`).join(" ");
    return `      ${name}) ${wordList(flags)} ;;`;
  });
  const operands = commands.flatMap((command) =>
    operandOffers(command).map(({ offer, place }) =>
      `    ${command.name}:${place}) ${action(offer)} ;;`
    )
  );
  return [
    `# bash: source <(${PROGRAM} completions bash)`,
    "_quilt_sidecar() {",
    "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}",
    "  local at place=0",
    "  # --option=VALUE is three words, because = divides words here.",
    "  if [[ $word == = ]]; then word=",
    "  elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi",
    "  COMPREPLY=()",
    "  if ((COMP_CWORD == 1)); then",
    `    ${wordList(`${names} --help --version`)}; return`,
    "  fi",
    "  case $before in",
    ...values,
    "  esac",
    "  if [[ $word == -* ]]; then",
    "    case ${COMP_WORDS[1]} in",
    ...options,
    "    esac",
    "    return",
    "  fi",
    "  for ((at = 2; at < COMP_CWORD; at++)); do",
    "    case ${COMP_WORDS[at]} in",
    `      ${withValue.map((name) => `--${name}`).join(" | ")})`,
    "        [[ ${COMP_WORDS[at+1]} != = ]] || ((at++))",
    "        ((at++)) ;;",
    "      -*) ;;",
    "      *) ((place++)) ;;",
    "    esac",
    "  done",
    "  case ${COMP_WORDS[1]}:$place in",
    `    help:0) ${wordList(names)} ;;`,
    ...operands,
    "  esac",
    "}",
    "_quilt_sidecar_files() {",
    "  compopt -o filenames 2>/dev/null",
    '  mapfile -t COMPREPLY < <(compgen -f -- "$word")',
    "}",
    `complete -F _quilt_sidecar ${PROGRAM}`,
  ].join("\n");
}

function action(offer: Offer): string {
  switch (offer.kind) {
    case "words":
      return wordList(offer.words.join(" "));
    case "file":
      return "_quilt_sidecar_files";
    case "device":
      return `COMPREPLY=($(compgen -W "$(command ls ${DEVICES})" -- "$word"))`;
    case "nothing":
      return "COMPREPLY=()";
    default:
      return offer satisfies never;
  }
}

function wordList(words: string): string {
  return `COMPREPLY=($(compgen -W '${words}' -- "$word"))`;
}
