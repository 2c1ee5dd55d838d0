/** Runs the program: parses its words, runs what they name, and says what went wrong. */
import { writeLine } from "../observability/buffered_line_writer.ts";
import { escapeInvisible } from "../shared/quote.ts";
import type { CommandEnd, Refusal } from "./command_definition.ts";
import { parseCommandLine } from "./command_line.ts";
import { COMMANDS } from "./commands.ts";
import { describeUnexpectedError, EXIT_FAILURE, formatEarlyError } from "./exit.ts";
import { showText } from "./output.ts";

/**
 * Runs a command line to its end. Never rejects.
 *
 * @param words those behind the program's name
 * @returns the exit code
 */
export async function runProgram(words: readonly string[]): Promise<number> {
  const end = await run(words).catch((cause): Refusal => ({
    exitCode: EXIT_FAILURE,
    sentence: describeUnexpectedError(cause, words[0] ?? ""),
  }));
  if (typeof end === "number") return end;
  const sentence = escapeInvisible(end.sentence);
  await writeLine(Deno.stderr, formatEarlyError(words, sentence));
  return end.exitCode;
}

async function run(words: readonly string[]): Promise<CommandEnd> {
  const request = parseCommandLine(COMMANDS, words);
  switch (request.kind) {
    case "run": {
      const runCommand = await request.command.load();
      return await runCommand(request.line);
    }
    case "show":
      return await showText(request.text);
    case "fault":
      return request;
    default:
      return request satisfies never;
  }
}
