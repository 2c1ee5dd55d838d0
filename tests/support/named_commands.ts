/** Commands that a table of a page names, without what they print. */
import assert from "node:assert/strict";
import { parseCommandLine, PROGRAM } from "../../src/cli/command_line.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import type { Shell } from "./shell.ts";

/** Seconds that a command may take which ends on Ctrl-C alone. */
const PATIENCE = 5;

/** Exit codes of commands that do what they should, if 0 is not the only one. */
const ENDS: readonly (readonly [command: RegExp, codes: readonly number[]])[] = [
  // They exit with what they found.
  [/ doctor\b/, [0, 1, 3]],
  [/ audit verify\b/, [0, 1]],
  // timeout(1) ended it.
  [/ (events|monitor)\b/, [124]],
];

/** Each call of `quilt-sidecar` in a line of a shell, without redirections. */
export function callsIn(line: string): readonly string[] {
  return line.split(/ (?:\||--|&&) /)
    .map((part) => part.replace(/^podman exec (?:-i )?\S+ /, "").replace(/ [<>].*/, ""))
    .filter((part) => part.startsWith(`${PROGRAM} `));
}

/** Asserts that a command exists, and takes these operands and options. */
export function assertExists(call: string): void {
  const [, ...words] = call.split(" ");
  const { kind } = parseCommandLine(COMMANDS, words);
  assert.equal(kind, "run", call);
}

/** Runs a command, and asserts that it does what it should. */
export async function assertRuns(shell: Shell, command: string): Promise<void> {
  const quoted = `'${command.replaceAll("'", `'\\''`)}'`;
  const { code, output } = await shell.run(`timeout ${PATIENCE} sh -c ${quoted}`);
  const [, codes = [0]] = ENDS.find(([pattern]) => pattern.test(command)) ?? [];
  assert.ok(codes.includes(code), `${command}: ${code}\n${output.join("\n")}`);
}
