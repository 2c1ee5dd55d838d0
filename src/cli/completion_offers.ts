/** What a shell offers for a value or an operand: the same for every shell. */
import type { CommandDefinition } from "./command_definition.ts";
import {
  type Completion,
  type OptionDefinition,
  type OptionName,
  OPTIONS,
} from "./options.ts";

/** What is offered for a value or an operand. */
export type Offer =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "file" | "device" | "nothing" };

/** The offer for a value or an operand. */
export function offerOf(
  { choices, completion }: {
    readonly choices?: readonly string[];
    readonly completion?: Completion;
  },
): Offer {
  if (choices !== undefined) return { kind: "words", words: choices };
  return completion === "file" || completion === "device"
    ? { kind: completion }
    : { kind: "nothing" };
}

/** An option by its name. */
export function definitionOf(name: OptionName): OptionDefinition {
  return OPTIONS[name];
}

/** What an option means in a command. */
export function helpOf(
  { optionHelp }: CommandDefinition,
  name: OptionName,
): string {
  return optionHelp?.[name] ?? definitionOf(name).help;
}

/** The options of these commands that have a value, each once. */
export function valueNames(
  commands: readonly CommandDefinition[],
): readonly OptionName[] {
  const all = new Set(commands.flatMap(({ options }) => options));
  return [...all].filter((name) => definitionOf(name).value !== undefined);
}

/** An operand at its place, 0 for the first; `*` for each from a repeated one on. */
export interface PlacedOffer {
  readonly place: string;
  readonly offer: Offer;
}

/** What is offered for the operands of a command; those without an offer are left out. */
export function operandOffers(
  { operands }: CommandDefinition,
): readonly PlacedOffer[] {
  return operands.map((operand, at): PlacedOffer => ({
    place: operand.isRepeated === true ? "*" : String(at),
    offer: offerOf(operand),
  })).filter(({ offer }) => offer.kind !== "nothing");
}

/** The first words of the commands, each once. */
export function firstWords(commands: readonly CommandDefinition[]): readonly string[] {
  return [...new Set(commands.map(({ name }) => name.split(" ", 1).join()))];
}

/** A command of two words. */
export interface PairOfWords {
  readonly first: string;
  readonly second: string;
}

/** The commands of two words. */
export function pairsOfWords(
  commands: readonly CommandDefinition[],
): readonly PairOfWords[] {
  return commands.flatMap(({ name }) => {
    const [first = "", second] = name.split(" ");
    return second === undefined ? [] : [{ first, second }];
  });
}

/** Names of devices are those of sysfs(5): no program of ours is started. */
export const DEVICES = "/sys/class/net/";
