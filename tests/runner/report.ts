/** What a test run shows: a line that moves on a terminal, one for each unit elsewhere. */
import type { TestCase } from "./junit.ts";
import { closingLine, type Summary } from "./summary.ts";

/** What a unit came to. */
export interface Outcome {
  readonly name: string;
  readonly seconds: number;
  readonly cases: readonly TestCase[];
  /** Tests, or checks, that failed; at least 1 if the unit itself did. */
  readonly failed: number;
  /** All that it wrote. */
  readonly output: string;
}

const SLOWEST = 10;
const CLEAR_LINE = "\r\u001b[K";

/** Writes what happens, as it happens. */
export class Report {
  readonly #write: (text: string) => void;
  readonly #isTerminal: boolean;
  readonly #columns: () => number;
  readonly #units: number;
  readonly #began = performance.now();
  readonly #running = new Set<string>();
  readonly #outcomes: Outcome[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    units: number,
    { columns, isTerminal, write }: {
      readonly write: (text: string) => void;
      readonly isTerminal: boolean;
      readonly columns: () => number;
    },
  ) {
    this.#units = units;
    this.#write = write;
    this.#isTerminal = isTerminal;
    this.#columns = columns;
    if (isTerminal) this.#timer = setInterval(() => this.#draw(), 1_000);
  }

  /** A line that stays. */
  say(line: string): void {
    this.#write(`${this.#isTerminal ? CLEAR_LINE : ""}${line}\n`);
    this.#draw();
  }

  started(name: string): void {
    this.#running.add(name);
    this.#draw();
  }

  ended(outcome: Outcome): void {
    this.#running.delete(outcome.name);
    this.#outcomes.push(outcome);
    if (outcome.failed > 0) this.say(`${outcome.output.trimEnd()}\n${lineOf(outcome)}`);
    else if (!this.#isTerminal) this.say(lineOf(outcome));
    else this.#draw();
  }

  /** The slowest tests, the failures once more, and what all came to. */
  close(): Summary {
    clearInterval(this.#timer);
    if (this.#isTerminal) this.#write(CLEAR_LINE);
    const failures = this.#outcomes.filter(({ failed }) => failed > 0);
    const cases = this.#outcomes.flatMap(({ cases, name }) =>
      cases.map((each) => ({ ...each, file: name }))
    );
    const slowest = cases.toSorted((one, other) => other.seconds - one.seconds)
      .slice(0, SLOWEST);
    if (cases.length > SLOWEST) {
      this.#write(`\nThe slowest ${SLOWEST} of ${cases.length} tests:\n`);
      for (const { file, name, seconds } of slowest) {
        this.#write(`${seconds.toFixed(1).padStart(7)} s  ${file}: ${name}\n`);
      }
    }
    if (this.#outcomes.length > 1) {
      for (const { name, output } of failures) {
        this.#write(`\nFailed: ${name}\n${output.trimEnd()}\n`);
      }
    }
    const count = (end: TestCase["end"]): number =>
      cases.filter((each) => each.end === end).length;
    return {
      passed: count("passed"),
      failed: failures.reduce((sum, { failed }) => sum + failed, 0),
      skipped: count("skipped"),
    };
  }

  #draw(): void {
    if (!this.#isTerminal) return;
    const failed = this.#outcomes.reduce((sum, each) => sum + each.failed, 0);
    const line = `${this.#outcomes.length} of ${this.#units}, ${failed} failed, ` +
      `${clock(performance.now() - this.#began)}  ${[...this.#running].join("  ")}`;
    this.#write(`${CLEAR_LINE}${line.slice(0, this.#columns() - 1)}`);
  }
}

function lineOf({ cases, failed, name, seconds }: Outcome): string {
  const passed = cases.filter(({ end }) => end === "passed").length;
  const skipped = cases.filter(({ end }) => end === "skipped").length;
  const counts = closingLine({ passed, failed, skipped });
  return `${failed > 0 ? "FAILED" : "ok"} ${name} (${counts}, ${seconds.toFixed(1)} s)`;
}

/** Minutes and seconds, as `2:07`. */
function clock(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, "0")}`;
}
