/** Completions for bash(1), "Programmable Completion". */
import type { CommandDefinition } from "./command_definition.ts";
import { PROGRAM } from "./command_line.ts";
import {
  definitionOf,
  DEVICES,
  firstWords,
  type Offer,
  offerOf,
  operandOffers,
  pairsOfWords,
  valueNames,
} from "./completion_offers.ts";

/** The text that bash sources. */
export function bashCompletions(commands: readonly CommandDefinition[]): string {
  const names = [...firstWords(commands), "help"].join(" ");
  const pairs = pairsOfWords(commands);
  const withValue = valueNames(commands);
  const values = withValue.map((name) =>
    `    --${name}) ${action(offerOf(definitionOf(name)))}; return ;;`
  );
  const options = commands.map(({ name, options }) => {
    const flags = [...options, "help"].map((option) => `--${option}`).join(" ");
    return `      '${name}') ${wordList(flags)} ;;`;
  });
  const operands = commands.flatMap((command) =>
    operandOffers(command).map(({ offer, place }) =>
      `    '${command.name}:'${place}) ${action(offer)} ;;`
    )
  );
  return [
    `# bash: source <(${PROGRAM} completions bash)`,
    "_quilt_sidecar() {",
    "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}",
    "  local command=${COMP_WORDS[1]} at from=2 place=0",
    "  # --option=VALUE is three words, because = divides words here.",
    "  if [[ $word == = ]]; then word=",
    "  elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi",
    "  COMPREPLY=()",
    "  if ((COMP_CWORD == 1)); then",
    `    ${wordList(`${names} --help --version`)}; return`,
    "  fi",
    "  if ((COMP_CWORD > 2)); then",
    "    case $command:${COMP_WORDS[2]} in",
    ...pairs.map(({ first, second }) =>
      `      ${first}:${second}) command='${first} ${second}' from=3 ;;`
    ),
    "    esac",
    "  fi",
    "  case $before in",
    ...values,
    "  esac",
    "  if [[ $word == -* ]]; then",
    "    case $command in",
    ...options,
    "    esac",
    "    return",
    "  fi",
    "  for ((at = from; at < COMP_CWORD; at++)); do",
    "    case ${COMP_WORDS[at]} in",
    `      ${withValue.map((name) => `--${name}`).join(" | ")})`,
    "        [[ ${COMP_WORDS[at+1]} != = ]] || ((at++))",
    "        ((at++)) ;;",
    "      -*) ;;",
    "      *) ((place++)) ;;",
    "    esac",
    "  done",
    "  case $command:$place in",
    `    help:0) ${wordList(names)} ;;`,
    ...operands,
    "  esac",
    "  case $command:$COMP_CWORD in",
    ...pairs.map(({ first, second }) =>
      `    ${first}:2) COMPREPLY+=($(compgen -W '${second}' -- "$word")) ;;`
    ),
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
