/** A part of a Markdown page that is made from definitions of the code. */
import { runToEnd } from "./namespace.ts";

/** The lines around it. */
export interface GeneratedPart {
  readonly begin: string;
  readonly end: string;
}

/**
 * The page with the part made anew, formatted as `deno fmt` does.
 *
 * @throws {Error} if the page has no place for it, or cannot be formatted
 */
export async function replacePart(
  page: string,
  { begin, end }: GeneratedPart,
  made: string,
): Promise<string> {
  const [before, rest = ""] = page.split(begin);
  const [, after] = rest.split(end);
  if (before === undefined || after === undefined) {
    throw new Error(`The page needs the lines ${begin} and ${end}`);
  }
  const { code, stderr, stdout } = await runToEnd(
    [Deno.execPath(), "fmt", "--ext", "md", "-"],
    { stdin: [before, begin, "\n\n", made, "\n\n", end, after].join("") },
  );
  if (code !== 0) throw new Error(`Cannot format the page: ${stderr}`);
  return stdout;
}

/** A table whose first column is words in code, or numbers. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const lines = rows.map(([first = "", ...others]) => [
    /^\d+$/.test(first) ? first : `\`${first}\``,
    ...others,
  ]);
  return [head, head.map(() => "---"), ...lines]
    .map((cells) => `| ${cells.map(escapeCell).join(" | ")} |`).join("\n");
}

function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|");
}
