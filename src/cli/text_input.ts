/** Text files that an operator names, and standard input. */
import { err, ok, type Result } from "../shared/result.ts";

/** How standard input is named. */
export const STANDARD_INPUT = "-";

/** How a sentence names a file. */
export function nameOf(path: string): string {
  return path === STANDARD_INPUT ? "Standard input" : path;
}

/** Opens a file; the fault is one sentence. */
export async function openText(
  path: string,
): Promise<Result<ReadableStream<Uint8Array>, string>> {
  if (path === STANDARD_INPUT) return ok(Deno.stdin.readable);
  try {
    return ok((await Deno.open(path)).readable);
  } catch (cause) {
    return err(describeUnread(path, cause));
  }
}

/**
 * Reads a whole file; the fault is one sentence.
 *
 * @param mostBytes more are refused: the file is then none of those that are meant
 */
export async function readText(
  path: string,
  mostBytes: number,
): Promise<Result<string, string>> {
  const opened = await openText(path);
  if (!opened.ok) return opened;
  const decoder = new TextDecoder();
  let [text, length] = ["", 0];
  try {
    for await (const bytes of opened.value) {
      length += bytes.length;
      if (length > mostBytes) {
        return err(`Cannot read ${path}: it has more than ${mostBytes} bytes`);
      }
      text += decoder.decode(bytes, { stream: true });
    }
  } catch (cause) {
    return err(describeUnread(path, cause));
  }
  return ok(text + decoder.decode());
}

/** Why a file cannot be read, and what to do. */
export function describeUnread(path: string, cause: unknown): string {
  return `Cannot read ${path}: ${reasonOf(path, cause)}`;
}

function reasonOf(path: string, cause: unknown): string {
  if (cause instanceof Deno.errors.NotCapable) {
    return "the sandbox does not grant it; use standard input: - " +
      `< ${path}, or start with --allow-read=${path}`;
  }
  if (cause instanceof Deno.errors.NotFound) return "there is no such file";
  if (cause instanceof Deno.errors.IsADirectory) {
    return "it is a directory; give a file";
  }
  return cause instanceof Error ? cause.message : String(cause);
}

/** UTF-16 units of a line, far more than the longest that a sidecar writes. */
const MOST_UNITS = 256 * 1024;

/**
 * The lines of a stream of UTF-8, without their line feeds, as they come: those of one
 * read at once. The last line may lack its line feed. What stands behind the first 262,144
 * UTF-16 units of a line is left out, so that a file without line feeds needs no more
 * memory than others.
 */
export async function* lineBatches(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<readonly string[]> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    const [first = "", ...lines] = decoder.decode(bytes, { stream: true }).split("\n");
    const whole = [`${rest}${first}`.slice(0, MOST_UNITS), ...lines];
    rest = whole.pop() ?? "";
    yield whole;
  }
  rest += decoder.decode();
  if (rest !== "") yield [rest];
}
