/** What the terminal behind standard output can show. */

/** What may be written. */
export interface Terminal {
  /** Columns; of what is no terminal Infinity: a program reads whole lines. */
  readonly columns: number;
  /** Rows; of what is no terminal Infinity: all of it can be read. */
  readonly rows: number;
  /** Whether colours and control codes are understood. */
  readonly hasControl: boolean;
  /** Whether colours are wanted. */
  readonly hasColour: boolean;
  /** Whether its character encoding is UTF-8. */
  readonly hasUnicode: boolean;
}

/** The size of a terminal that does not tell its own: that of a VT100. */
export const SCREEN = { columns: 80, rows: 24 } as const;

/** For a pipe or a file: no colours, no control codes, nothing but ASCII. */
export const PLAIN: Terminal = {
  columns: Infinity,
  rows: Infinity,
  hasControl: false,
  hasColour: false,
  hasUnicode: false,
};

/** The variables that decide, which a sandbox may hide: then they count as unset. */
const VARIABLES = ["TERM", "LC_ALL", "LC_CTYPE", "LANG"] as const;

/** Looks at standard output and at the variables that the sandbox grants. */
export function standardTerminal(): Terminal {
  if (!Deno.stdout.isTerminal()) return PLAIN;
  const [term, ...locales] = VARIABLES.map(readVariable);
  const { columns, rows } = Deno.consoleSize();
  return describeTerminal({ term, locales, columns, rows, noColour: Deno.noColor });
}

/** What decides about a terminal. */
export interface TerminalFacts {
  readonly term: string | undefined;
  /** LC_ALL, LC_CTYPE and LANG: the first that is set counts, as in locale(7). */
  readonly locales: readonly (string | undefined)[];
  readonly columns: number;
  readonly rows: number;
  /** Whether NO_COLOR is set: https://no-color.org */
  readonly noColour: boolean;
}

/** What such a terminal can show. */
export function describeTerminal(
  { columns, locales, noColour, rows, term }: TerminalFacts,
): Terminal {
  const locale = locales.find((each) => each !== undefined && each !== "") ?? "";
  // A serial console says 0.
  const isSized = columns > 0 && rows > 0;
  const hasControl = term !== "dumb";
  return {
    ...isSized ? { columns, rows } : SCREEN,
    hasControl,
    hasColour: hasControl && !noColour,
    hasUnicode: /\butf-?8\b/i.test(locale),
  };
}

function readVariable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
}
