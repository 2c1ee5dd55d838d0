import type { LogFields, LogLine } from "../observability/logger.ts";

/** What {@linkcode Tally} counts, and how the log names it. */
export interface TallyOptions {
  /** The line with the count; `since` is a time in UTC. */
  readonly describe: (count: number, since: string) => string;
  readonly fields?: LogFields;
  /** When it was written first, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** How many there are already, which the log has. */
  readonly count: number;
}

/** Counts the repetitions of a line that has been written. */
export class Tally {
  readonly #options: TallyOptions;
  #count: number;
  #reported: number;
  #isRepeated = true;

  constructor(options: TallyOptions) {
    this.#options = options;
    this.#count = this.#reported = options.count;
  }

  repeat(): void {
    this.#count += 1;
    this.#isRepeated = true;
  }

  /** Whether one was counted since this was asked last. */
  takeRepeated(): boolean {
    const isRepeated = this.#isRepeated;
    this.#isRepeated = false;
    return isRepeated;
  }

  /** The count, if it was not returned yet. */
  pending(): readonly LogLine[] {
    if (this.#count === this.#reported) return [];
    this.#reported = this.#count;
    const { describe, fields, sinceMs } = this.#options;
    const message = describe(this.#count, new Date(sinceMs).toISOString());
    return [{ level: "warn", message, ...(fields === undefined ? {} : { fields }) }];
  }
}
