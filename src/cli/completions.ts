/** The command `completions`: what a shell offers, from the definitions of the commands. */
import { bashCompletions } from "./bash_completions.ts";
import type {
  CommandDefinition,
  CommandEnd,
  CommandLine,
} from "./command_definition.ts";
import { COMMANDS } from "./commands.ts";
import { fishCompletions } from "./fish_completions.ts";
import { showText } from "./output.ts";
import { zshCompletions } from "./zsh_completions.ts";

/** The shells that there are completions for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of {@linkcode SHELLS}. */
export type Shell = typeof SHELLS[number];

/** Runs the command `completions`; the parser takes no other shell. */
export function completions({ operands: [shell] }: CommandLine): Promise<CommandEnd> {
  const known = SHELLS.find((each) => each === shell) ?? "bash";
  return showText(completionsFor(known, COMMANDS));
}

/** The text that such a shell sources. */
export function completionsFor(
  shell: Shell,
  commands: readonly CommandDefinition[],
): string {
  switch (shell) {
    case "bash":
      return bashCompletions(commands);
    case "zsh":
      return zshCompletions(commands);
    case "fish":
      return fishCompletions(commands);
    default:
      return shell satisfies never;
  }
}
