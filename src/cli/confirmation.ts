/** Asks an operator before something is changed. */
import { writeAll } from "../observability/buffered_line_writer.ts";

/** What an operator answered. */
export type Answer = "yes" | "no" | "nobody";

/** What is asked. */
export interface Question {
  /** Lines that stand above it. @default [] */
  readonly lines?: readonly string[];
  /** Without the question mark. */
  readonly text: string;
}

/**
 * Asks on standard error and reads one line from standard input: y or yes is a yes, and
 * anything else is a no. If standard input is no terminal, nobody is asked.
 */
export async function confirm({ lines = [], text }: Question): Promise<Answer> {
  if (!Deno.stdin.isTerminal()) return "nobody";
  const shown = [...lines, `${text}? [y/N] `].join("\n");
  await writeAll(Deno.stderr, shown);
  const bytes = new Uint8Array(64);
  const length = await Deno.stdin.read(bytes);
  const line = new TextDecoder().decode(bytes.subarray(0, length ?? 0));
  return isYes(line) ? "yes" : "no";
}

/** Whether a line says yes: `y` or `yes`, in any case. */
export function isYes(line: string): boolean {
  return /^\s*y(es)?\s*$/i.test(line);
}
