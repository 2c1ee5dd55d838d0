/** What a command writes to standard output. */
import { writeAll, type WriteEnd } from "../observability/buffered_line_writer.ts";
import type { CommandEnd } from "./command_definition.ts";
import { EXIT_FAILURE, EXIT_OK } from "./exit.ts";

/**
 * Shows a text, or bytes, and ends the command.
 *
 * A pipe whose reader has left, as in `| head`, is the wish of who reads and no failure.
 *
 * @param text without the line feed at its end; bytes are written as they are
 * @param exitCode of the command if all goes well
 */
export async function showText(
  text: string | Uint8Array,
  exitCode: number = EXIT_OK,
): Promise<CommandEnd> {
  const content = typeof text === "string" ? `${text}\n` : text;
  return endOf(await writeAll(Deno.stdout, content), exitCode);
}

/** The end of a command by how its last output ended. */
export function endOf(end: WriteEnd, exitCode: number): CommandEnd {
  switch (end.kind) {
    case "written":
    case "reader-gone":
      return exitCode;
    case "failed":
      return {
        exitCode: EXIT_FAILURE,
        sentence:
          `Cannot write to standard output: ${end.why}; free some space, or write to ` +
          "another file",
      };
    default:
      return end satisfies never;
  }
}
