// @std/cli is on JSR and could not be locked in deno.lock here: node:util stands in.
import { parseArgs } from "node:util";
import { err, ok, type Result } from "../shared/result.ts";
import { quote } from "../shared/quote.ts";
import { nearest } from "./nearest.ts";

/** The flags that a command knows; a boolean one takes no value. */
export type KnownFlags<Name extends string> = {
  readonly [name in Name]: { readonly type: "string" | "boolean" };
};

/** The flags as given; a boolean one that is given has an empty value. */
export type GivenFlags<Name extends string> = ReadonlyMap<Name, string>;

/**
 * Takes the words after a command apart.
 *
 * @returns each flag at most once, or one sentence that says what is wrong
 */
export function collectFlags<Name extends string>(
  command: string,
  known: KnownFlags<Name>,
  args: readonly string[],
): Result<GivenFlags<Name>, string> {
  // Not strict: the errors of the strict mode are paragraphs. The tokens say it all.
  const { tokens } = parseArgs({
    args: [...args],
    options: known,
    strict: false,
    tokens: true,
  });
  const given = new Map<Name, string>();
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      return err(
        `Unexpected argument ${quote(token.value)}; ${command} takes only options`,
      );
    }
    const { name, rawName, value } = token;
    if (!isKnown(name, known) || !rawName.startsWith("--")) {
      const likely = nearest(name, Object.keys(known));
      return err(`Unknown option ${quote(rawName)}; did you mean --${likely}?`);
    }
    const fault = describeFault(command, name, known[name].type, value);
    if (fault !== undefined) return err(fault);
    if (given.has(name)) return err(`--${name} is given twice`);
    given.set(name, value ?? "");
  }
  return ok(given);
}

function isKnown<Name extends string>(
  name: string,
  known: KnownFlags<Name>,
): name is Name {
  return Object.hasOwn(known, name);
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
