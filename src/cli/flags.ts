// @std/cli is on JSR and could not be locked in deno.lock here, so node:util replaces it.
import { parseArgs } from "node:util";
import { err, ok, type Result } from "../shared/result.ts";
import { quote } from "../shared/quote.ts";

/** The flags of a command; a boolean one takes no value. */
export type FlagDefinitions<Name extends string> = {
  readonly [name in Name]: { readonly type: "string" | "boolean" };
};

/** The flags of one command line; the value of a boolean flag is empty. */
export type ParsedFlags<Name extends string> = ReadonlyMap<Name, string>;

/**
 * Parses the arguments behind the name of a command.
 *
 * @returns each flag at most once, or one sentence that describes the first fault
 */
export function parseFlags<Name extends string>(
  command: string,
  definitions: FlagDefinitions<Name>,
  args: readonly string[],
): Result<ParsedFlags<Name>, string> {
  // Not strict, because the errors of the strict mode are several sentences long.
  const { tokens } = parseArgs({
    args: [...args],
    options: definitions,
    strict: false,
    tokens: true,
  });
  const flags = new Map<Name, string>();
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      return err(
        `Unexpected argument ${quote(token.value)}; ${command} takes only options`,
      );
    }
    const { name, rawName, value } = token;
    if (!isDefined(name, definitions) || !rawName.startsWith("--")) {
      const closest = closestName(name, Object.keys(definitions));
      return err(`Unknown option ${quote(rawName)}; did you mean --${closest}?`);
    }
    const fault = describeFault(command, name, definitions[name].type, value);
    if (fault !== undefined) return err(fault);
    if (flags.has(name)) return err(`--${name} is given twice`);
    flags.set(name, value ?? "");
  }
  return ok(flags);
}

function isDefined<Name extends string>(
  name: string,
  definitions: FlagDefinitions<Name>,
): name is Name {
  return Object.hasOwn(definitions, name);
}

function describeFault(
  command: string,
  name: string,
  type: "string" | "boolean",
  value: string | undefined,
): string | undefined {
  if (type === "boolean") {
    return value === undefined
      ? undefined
      : `--${name} takes no value, got ${quote(value)}`;
  }
  return value === undefined || value.startsWith("--")
    ? `--${name} needs a value; see ${command} --help`
    : undefined;
}

/** The name with the smallest edit distance; the first of several. */
function closestName(text: string, names: readonly string[]): string {
  let closest = "";
  let smallest = Infinity;
  for (const name of names) {
    const distance = editDistance(text, name);
    if (distance < smallest) [closest, smallest] = [name, distance];
  }
  return closest;
}

/** The Levenshtein distance. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const substitution = from[row - 1] === to[column - 1] ? 0 : 1;
      current.push(
        Math.min(
          (previous[column] ?? 0) + 1,
          (current[column - 1] ?? 0) + 1,
          (previous[column - 1] ?? 0) + substitution,
        ),
      );
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}
