/** The programs of the demo: run to their end, or kept and spoken with in lines. */

/** A sentence for the user: what was not as it had to be. */
export class Obstacle extends Error {
  override readonly name = "Obstacle";
}

/** Where the sources are, with a slash at the end. */
export const root = new URL("..", import.meta.url).pathname;

/** Runs a program to its end, and returns what it wrote. */
export async function run(
  words: readonly string[],
  input: readonly string[] = [],
): Promise<string> {
  const child = spawn(words, "piped");
  const writer = child.stdin.getWriter();
  const text = input.map((line) => `${line}\n`).join("");
  // A program that has ended already says better why.
  await writer.write(new TextEncoder().encode(text)).catch(() => {});
  await writer.close().catch(() => {});
  const { stderr, stdout, success } = await child.output();
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout);
  const why = decoder.decode(stderr).trim().replaceAll(/\s+/g, " ");
  throw new Obstacle(`The demo cannot run ${words.join(" ")}: ${why}`);
}

/** Starts a program whose lines are read as they come. */
export function spawn(
  [program = "", ...args]: readonly string[],
  stdin: "piped" | "null" = "null",
): Deno.ChildProcess {
  const options = { args, cwd: root, stdin, stdout: "piped", stderr: "piped" } as const;
  try {
    return new Deno.Command(program, options).spawn();
  } catch (cause) {
    throw new Obstacle(`The demo cannot start ${program}: ${String(cause)}`);
  }
}

/** The lines of a stream, as they come. */
export async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** Hands each line of a stream on, so that its writer never waits. */
export async function forEachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (line: string) => void,
): Promise<void> {
  for await (const line of linesOf(stream)) take(line);
}

/** The command of a module of this folder. */
export function denoWords(
  grants: readonly string[],
  module: string,
  args: readonly string[],
): readonly string[] {
  return [
    ...[Deno.execPath(), "run", "--quiet", "--frozen", "--cached-only", "--no-remote"],
    ...["--no-prompt", "--ignore-env", ...grants, `${root}demo/${module}`, ...args],
  ];
}

/** Milliseconds for anything to happen; a busy machine is slow. */
const LIMIT_MS = 20_000;

/**
 * Waits until something holds.
 *
 * @param what ends the sentence "The demo waited 20 s in vain for"
 */
export async function until<Found>(
  what: string,
  look: () => Found | undefined | Promise<Found | undefined>,
): Promise<Found> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) {
      throw new Obstacle(`The demo waited ${LIMIT_MS / 1_000} s in vain for ${what}`);
    }
    await pause(10);
  }
}

/** Waits so many milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
