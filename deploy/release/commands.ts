/** Programs that make a release: git, buildah, tar, gzip. */
import { Buffer } from "node:buffer";

/** How a program is started. */
interface Start {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a program to its end; the answer is what it wrote.
 *
 * @throws {Error} if it fails, with what it wrote to stderr.
 */
export async function run(
  [program = "", ...args]: readonly string[],
  start: Start = {},
): Promise<string> {
  const command = new Deno.Command(program, { args, ...start, stdin: "null" });
  const { success, stdout, stderr } = await outputOf(command, program);
  if (success) return Buffer.from(stdout).toString().trim();
  const complaint = Buffer.from(stderr).toString().trim();
  throw new Error(`Cannot run ${[program, ...args].join(" ")}: ${complaint}`);
}

async function outputOf(
  command: Deno.Command,
  program: string,
): Promise<Deno.CommandOutput> {
  try {
    return await command.output();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error(`Cannot run ${program}: it is not in PATH`, { cause });
  }
}
