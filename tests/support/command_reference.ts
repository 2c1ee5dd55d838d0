/** The parts of docs/cli.md and docs/cli-reference.md that are made from the commands. */
import {
  COMMAND_GROUPS,
  type CommandDefinition,
  type CommandGroup,
} from "../../src/cli/command_definition.ts";
import { PROGRAM } from "../../src/cli/command_line.ts";
import {
  FILTER_OPTIONS,
  type OptionDefinition,
  type OptionName,
  OPTIONS,
  POLICY_OPTIONS,
  TARGET_OPTIONS,
} from "../../src/cli/options.ts";
import { type GeneratedPart, replacePart, table } from "./generated_part.ts";
import { repository } from "./serve_task.ts";

const PART: GeneratedPart = {
  begin: "<!-- Made by deno task generate from src/cli/commands.ts: -->",
  end: "<!-- End of what deno task generate makes. -->",
};

/** A page with a part that is made from the definitions. */
export interface ReferencePage {
  /** From the root of the repository. */
  readonly path: string;
  readonly make: (commands: readonly CommandDefinition[]) => string;
}

/** The pages that have such a part. */
export const REFERENCE_PAGES: readonly ReferencePage[] = [
  { path: "docs/cli.md", make: listCommands },
  { path: "docs/cli-reference.md", make: describeCommands },
];

/**
 * The page with its part made anew, formatted as `deno fmt` does.
 *
 * @throws {Error} if the page has no place for it, or cannot be formatted
 */
export async function withReference(
  { make, path }: ReferencePage,
  commands: readonly CommandDefinition[],
): Promise<string> {
  const page = await Deno.readTextFile(`${repository}/${path}`);
  return await replacePart(page, PART, make(commands));
}

/** The commands at a glance, as the help lists them. */
function listCommands(commands: readonly CommandDefinition[]): string {
  const rows = byGroup(commands).flatMap(([group, own]) =>
    own.map(({ name, summary }, at) =>
      `| ${at === 0 ? COMMAND_GROUPS[group] : ""} | ` +
      `[${name}](cli-reference.md#${name.replaceAll(" ", "-")}) | ${summary} |`
    )
  );
  return ["| Use | Command | What it does |", "| --- | --- | --- |", ...rows].join(
    "\n",
  );
}

function byGroup(
  commands: readonly CommandDefinition[],
): readonly (readonly [CommandGroup, readonly CommandDefinition[]])[] {
  return [...Map.groupBy(commands, ({ group }) => group)];
}

/** Options that several commands have in the same words, and how they are named. */
const SHARED: readonly {
  readonly title: string;
  readonly names: readonly OptionName[];
}[] = [
  { title: "Options of access", names: TARGET_OPTIONS },
  { title: "Filters of routes", names: FILTER_OPTIONS },
  { title: "Options of the cluster", names: POLICY_OPTIONS },
];

/** What else a page has of a command. */
const SEE: Readonly<Record<string, string>> = {
  status: "[the map](cli.md#the-map)",
  doctor: "[troubleshooting](troubleshooting.md)",
  sync: "[the file](cli.md#the-file-of-sync)",
  audit: "[filters](cli-audit.md#filters)",
  "audit verify": "[findings](cli-audit.md#findings-of-audit-verify)",
  bundle: "[contents](cli.md#contents-of-a-bundle)",
  uninstall: "[what it deletes](cli.md#what-uninstall-deletes)",
};

/** Every command, with its operands, options and exit codes. */
function describeCommands(commands: readonly CommandDefinition[]): string {
  return [
    "## Shared options",
    ...SHARED.flatMap(({ names, title }) => [
      `### ${title}`,
      table(["Option", "Meaning"], names.map((name) => optionRow(name))),
    ]),
    ...byGroup(commands).flatMap(([group, own]) => [
      `## ${COMMAND_GROUPS[group]}`,
      ...own.map(describeCommand),
    ]),
  ].join("\n\n");
}

/** A command in Markdown: synopsis, what it does, operands, options and exit codes. */
function describeCommand(command: CommandDefinition): string {
  const { description, exitCodes, name, operands, options } = command;
  const words = operands.map(({ isOptional, isRepeated, name }) => {
    const word = isRepeated === true ? `${name}...` : name;
    return isOptional === true ? `[${word}]` : word;
  });
  const synopsis = [PROGRAM, name, ...words, ...options.length > 0 ? ["[options]"] : []]
    .join(" ");
  const shared = SHARED.filter(({ names }) => hasAll(command, names));
  const isJson = options.includes("json") && command.optionHelp?.json === undefined;
  const own = options.filter((option) =>
    !shared.some(({ names }) => names.includes(option)) &&
    !(option === "json" && isJson)
  );
  const given = [
    ...operands.map(({ choices, help, name }) => [name, withChoices(help, choices)]),
    ...own.map((option) => optionRow(option, command.optionHelp)),
  ];
  const also = [
    ...isJson ? ["[`--json`](cli-json.md)"] : [],
    ...shared.map(({ title }) => `[${title.toLowerCase()}](#${anchorOf(title)})`),
  ];
  const see = SEE[name];
  return [
    `### ${name}`,
    `\`${synopsis}\``,
    withLinks(description),
    ...given.length === 0 ? [] : [table(["Operand or option", "Meaning"], given)],
    [
      ...also.length === 0 ? [] : [`- Also: ${also.join(", ")}`],
      ...see === undefined ? [] : [`- See: ${see}`],
      `- Exit codes: ${
        exitCodes.map(([code, meaning]) => `**${code}** ${meaning}`).join("; ")
      }`,
    ].join("\n"),
  ].join("\n\n");
}

function anchorOf(title: string): string {
  return title.toLowerCase().replaceAll(" ", "-");
}

function hasAll(
  { optionHelp, options }: CommandDefinition,
  names: readonly OptionName[],
): boolean {
  return names.every((name) =>
    options.includes(name) && optionHelp?.[name] === undefined
  );
}

function optionRow(
  name: OptionName,
  optionHelp: CommandDefinition["optionHelp"] = {},
): readonly [string, string] {
  const { choices, help, value }: OptionDefinition = OPTIONS[name];
  const flag = value === undefined ? `--${name}` : `--${name} ${value}`;
  return [flag, withChoices(withLinks(optionHelp[name] ?? help), choices)];
}

/** The help names pages, to which a page can link. */
function withLinks(help: string): string {
  return help.replaceAll(/docs\/([\w-]+\.md)/g, "[docs/$1]($1)");
}

function withChoices(help: string, choices?: readonly string[]): string {
  if (choices === undefined) return help;
  const listed = choices.map((choice) => `\`${choice}\``).join(", ");
  return `${help}; one of ${listed}`;
}
