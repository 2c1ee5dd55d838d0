/** Draws a picture of a sidecar in place, again and again, until it is interrupted. */
import { writeAll } from "../observability/buffered_line_writer.ts";
import { countOf } from "../shared/quote.ts";
import type { Result } from "../shared/result.ts";
import { DEADLINE_MS } from "./client_command.ts";
import type { CommandEnd, CommandLine } from "./command_definition.ts";
import { cutToWidth, displayWidth } from "./display_width.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from "./exit.ts";
import {
  type CallFault,
  connectSidecar,
  type SidecarConnection,
} from "./grpc_client.ts";
import { interruption } from "./interruption.ts";
import { endOf } from "./output.ts";
import { readTarget } from "./target.ts";
import { standardTerminal, type Terminal } from "./terminal.ts";
import { explainFault } from "./explain_fault.ts";

/** What is to be seen now. */
export type Draw = (sidecar: SidecarConnection) => Promise<Result<string, CallFault>>;

/**
 * Draws until SIGINT, SIGTERM or SIGHUP, or until nobody reads. A sidecar that does not
 * answer is part of the picture: it may be back soon. JSON is never drawn in place.
 *
 * @param pauseMs milliseconds between two pictures
 */
export async function watchPicture(
  name: string,
  { options }: CommandLine,
  draw: Draw,
  pauseMs: number,
): Promise<CommandEnd> {
  const target = await readTarget(name, options);
  if (!target.ok) return { exitCode: EXIT_USAGE, sentence: target.fault };
  const isJson = options.has("json");
  using sidecar = connectSidecar(target.value, DEADLINE_MS);
  using resizes = new Resizes();
  let isOver = false;
  const ended = interruption().then(() => {
    isOver = true;
  });
  let before: Terminal | undefined;
  while (!isOver) {
    const resized = resizes.next();
    const drawn = await Promise.race([draw(sidecar), ended]);
    if (drawn === undefined) break;
    const picture = drawn.ok
      ? drawn.value
      : await explainFault(target.value, drawn.fault, DEADLINE_MS);
    // JSON has an object for each moment, and none for one without an answer.
    if (isJson && !drawn.ok) return { exitCode: EXIT_FAILURE, sentence: picture };
    const terminal = standardTerminal();
    const isNew = before?.columns !== terminal.columns || before.rows !== terminal.rows;
    const frame = isJson ? `${picture}\n` : frameOf(picture, terminal, isNew);
    const written = await writeAll(Deno.stdout, frame);
    if (written.kind !== "written") return endOf(written, EXIT_OK);
    before = terminal;
    await pause(pauseMs, [ended, resized]);
  }
  // The terminal shows ^C where the cursor is; the shell's prompt must not follow it.
  if (before?.hasControl) await writeAll(Deno.stdout, "\n");
  return EXIT_OK;
}

/**
 * What is written to draw a picture over the one before it, by ECMA-48: each line is
 * overwritten and then cleared to its end, so that nothing flickers. Lines are cut at the
 * terminal's width, and the picture at its height, because what the terminal itself breaks
 * or scrolls would be out of place.
 *
 * @param isNew whether the screen is cleared first: it has something else on it, or the
 * terminal has moved what it has because its size has changed
 */
export function frameOf(
  picture: string,
  { columns, hasControl, hasUnicode, rows }: Terminal,
  isNew: boolean,
): string {
  if (!hasControl) return `${picture}\n\n`;
  const mark = hasUnicode ? "…" : ">";
  const lines = picture.split("\n");
  // The last row is left free, or the terminal would scroll.
  const left = lines.length - Math.max(1, rows - 2);
  const shown = lines.length < rows ? lines : [
    ...lines.slice(0, -left),
    `${countOf(left, "more line")}: make the window taller`,
  ];
  const drawn = shown.map((line) => {
    const cut = cutToWidth(line, columns, mark);
    // Behind the last column it would clear that column.
    return displayWidth(cut) < columns ? `${cut}\u001b[K\n` : `${cut}\n`;
  });
  const start = isNew ? "\u001b[H\u001b[2J" : "\u001b[H";
  return `${start}${drawn.join("")}\u001b[J`;
}

/** Changes of the terminal's size. */
class Resizes implements Disposable {
  #next = Promise.withResolvers<void>();
  readonly #onResize = (): void => {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  };

  constructor() {
    Deno.addSignalListener("SIGWINCH", this.#onResize);
  }

  /** Resolves at the next one. */
  next(): Promise<void> {
    return this.#next.promise;
  }

  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGWINCH", this.#onResize);
  }
}

async function pause(ms: number, ends: readonly Promise<void>[]): Promise<void> {
  const elapsed = Promise.withResolvers<void>();
  const timer = setTimeout(elapsed.resolve, ms);
  await Promise.race([elapsed.promise, ...ends]);
  clearTimeout(timer);
}
