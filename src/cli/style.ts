/** Colours that are readable on dark and on light ground, by ECMA-48 (SGR). */
import type { Terminal } from "./terminal.ts";

/** What a text stands for. */
export type Tone =
  | "good"
  | "waiting"
  | "bad"
  | "own"
  | "stale"
  | "faint"
  | "strong";

const CODES: Readonly<Record<Tone, readonly [on: number, off: number]>> = {
  good: [32, 39],
  waiting: [33, 39],
  bad: [31, 39],
  own: [36, 39],
  stale: [35, 39],
  faint: [2, 22],
  strong: [1, 22],
};

/** Gives a text a tone where the terminal wants colours. */
export function styled(
  { hasColour }: Pick<Terminal, "hasColour">,
  tone: Tone,
  text: string,
): string {
  if (!hasColour || text === "") return text;
  const [on, off] = CODES[tone];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}
