import type { Completion, OptionName } from "./options.ts";

/** A word of the command line that is no option. */
export interface OperandDefinition {
  /** E.g. `FILE`. */
  readonly name: string;
  readonly help: string;
  /** Whether it may be left out. @default false */
  readonly isOptional?: boolean;
  /** Whether there may be several; only the last one. @default false */
  readonly isRepeated?: boolean;
  /** What a shell offers for it. @default "none" */
  readonly completion?: Completion;
  /** All values that there are. */
  readonly choices?: readonly string[];
}

/** The words behind the name of a command; none of their values is checked yet. */
export interface CommandLine {
  /** Each option at most once; the value of a switch is empty. */
  readonly options: ReadonlyMap<OptionName, string>;
  /** As many as the command takes. */
  readonly operands: readonly string[];
}

/** Why a command did not do what it was asked for. */
export interface Refusal {
  readonly exitCode: number;
  /** What, why, and what to do now; it may contain text of an unknown server. */
  readonly sentence: string;
}

/** How a command ended: with an exit code, or with one sentence on standard error. */
export type CommandEnd = number | Refusal;

/** Runs a command to its end. */
export type RunCommand = (line: CommandLine) => Promise<CommandEnd>;

/** The groups of the help, in its order, with their headings. */
export const COMMAND_GROUPS = {
  first: "Start here",
  look: "Look",
  change: "Change",
  trouble: "When something is wrong",
  maintain: "Run and maintain",
} as const;

/** What an operator uses a command for. */
export type CommandGroup = keyof typeof COMMAND_GROUPS;

/** A command: the parser, the help, the completions and the man page come from it. */
export interface CommandDefinition {
  /** One word, or two with a space between, of which the first is a command as well. */
  readonly name: string;
  readonly group: CommandGroup;
  /** One line without a full stop, for the list of all commands. */
  readonly summary: string;
  /** What it does, a paragraph of sentences. */
  readonly description: string;
  readonly operands: readonly OperandDefinition[];
  readonly options: readonly OptionName[];
  /** What an option means here, if that is more than its own words say. */
  readonly optionHelp?: Readonly<Partial<Record<OptionName, string>>>;
  /** What the exit codes mean, in ascending order. */
  readonly exitCodes: readonly (readonly [code: number, meaning: string])[];
  /** The exit code of a wrong command line. @default 2 */
  readonly usageExit?: number;
  /** Loads what runs it, and nothing more: a command must not wait for another's modules. */
  readonly load: () => Promise<RunCommand>;
}
