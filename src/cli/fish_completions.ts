/** Completions for fish: complete(1). */
import type { CommandDefinition } from "./command_definition.ts";
import { PROGRAM } from "./command_line.ts";
import {
  definitionOf,
  DEVICES,
  helpOf,
  type Offer,
  offerOf,
  operandOffers,
  pairsOfWords,
  valueNames,
} from "./completion_offers.ts";

/** The text that fish sources. */
export function fishCompletions(commands: readonly CommandDefinition[]): string {
  const names = commands.filter(({ name }) => !name.includes(" "))
    .flatMap(({ name, summary }) => [
      complete("", `-a ${name} -d ${quoted(summary)}`),
      complete("help:0", `-a ${name} -d ${quoted(summary)}`),
    ]);
  const pairs = pairsOfWords(commands);
  const rest = commands.flatMap((command) => {
    const options = command.options.map((name) => {
      const definition = definitionOf(name);
      const value = definition.value === undefined
        ? ""
        : `${action(offerOf(definition))} `;
      const help = quoted(helpOf(command, name));
      return complete(`${command.name}:*`, `-l ${name} ${value}-d ${help}`);
    });
    const operands = operandOffers(command).map(({ offer, place }) =>
      complete(`${command.name}:${place}`, action(offer))
    );
    return [...options, ...operands];
  });
  const withValue = valueNames(commands).map((name) => `--${name}`).join(" ");
  return [
    `# fish: ${PROGRAM} completions fish | source`,
    "# Prints the command and the place of the operand at the cursor, as inject:1.",
    "function __quilt_sidecar_place",
    "  set -l words (commandline -opc)",
    "  set -l place 0",
    "  set -l value no",
    '  set -l command "$words[2]"',
    "  set -l from 3",
    '  switch "$words[2] $words[3]"',
    ...pairs.flatMap(({ first, second }) => [
      `  case '${first} ${second}'`,
      `    set command '${first} ${second}'`,
      "    set from 4",
    ]),
    "  end",
    "  for word in $words[$from..]",
    "    if test $value = yes",
    "      set value no",
    `    else if contains -- $word ${withValue}`,
    "      set value yes",
    "    else if not string match -q -- '-*' $word",
    "      set place (math $place + 1)",
    "    end",
    "  end",
    '  if set -q words[2]; echo "$command:$place"; else; echo ""; end',
    "end",
    `complete -c ${PROGRAM} -f`,
    `complete -c ${PROGRAM} -s h -l help -d 'show this help'`,
    complete("", "-s V -l version -d 'show the version'"),
    complete("", "-a help -d 'show the help of a command'"),
    ...names,
    ...pairs.map(({ first, second }) => complete(`${first}:0`, `-a ${second}`)),
    ...rest,
  ].join("\n");
}

/** A completion where {@linkcode fishCompletions}' function prints such a place. */
function complete(place: string, what: string): string {
  return `complete -c ${PROGRAM} ` +
    `-n 'string match -q -- "${place}" (__quilt_sidecar_place)' ${what}`;
}

function action(offer: Offer): string {
  switch (offer.kind) {
    case "words":
      return `-x -a ${quoted(offer.words.join(" "))}`;
    case "file":
      return "-r -F";
    case "device":
      return `-x -a '(command ls ${DEVICES})'`;
    case "nothing":
      return "-x";
    default:
      return offer satisfies never;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
