import { print } from "../support/isolation.ts";

/** One line of the table. */
export interface Finding {
  readonly what: string;
  /** What was measured: a ratio, milliseconds or memory, as `unit` says. */
  readonly value: number;
  /** `×` for a ratio. */
  readonly unit: "×" | "ms" | "MiB";
  /** Undefined for what is only information. */
  readonly limit?: { readonly kind: "at most" | "at least"; readonly value: number };
  /** The medians that the value is made of, for people. */
  readonly raw: string;
}

/** Something that is measured by itself: a name for the filter, and how. */
export interface Measurement {
  readonly name: string;
  /** With what it is measured, in a line: nobody can judge a figure without. */
  readonly how: string;
  run(): Promise<readonly Finding[]>;
}

/** Microseconds as people read them beside a ratio. */
export function describeMs(microseconds: number): string {
  return `${(microseconds / 1000).toFixed(3)} ms`;
}

/** Whether a finding keeps its limit. */
export function isKept({ limit, value }: Finding): boolean {
  if (limit === undefined) return true;
  return limit.kind === "at most" ? value <= limit.value : value >= limit.value;
}

/** Prints findings as lines of a table with the limit beside each. */
export async function printFindings(findings: readonly Finding[]): Promise<void> {
  for (const finding of findings) {
    const { limit, raw, unit, value, what } = finding;
    const bound = limit === undefined
      ? "for information"
      : `${limit.kind} ${limit.value} ${unit}`;
    const verdict = limit === undefined ? "" : isKept(finding) ? "kept" : "MISSED";
    const measured = `${value.toFixed(unit === "×" ? 2 : 1)} ${unit}`;
    await print(
      `  ${what.padEnd(52)} ${measured.padStart(9)}  ${bound.padEnd(16)} ` +
        `${verdict.padEnd(6)}  ${raw}`,
    );
  }
}
