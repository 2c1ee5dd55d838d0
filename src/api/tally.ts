import type { LogFields, LogLine } from "../observability/logger.ts";

/** Options of {@linkcode Tally}. */
export interface TallyOptions {
  /** Returns the line with the count; `since` is a time in UTC. */
  readonly describe: (count: number, since: string) => string;
  readonly fields?: LogFields;
  /** When the line was first written, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** How many repetitions the log has already. */
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

  /** Whether a repetition was counted since the last call of this method. */
  takeRepeated(): boolean {
    const isRepeated = this.#isRepeated;
    this.#isRepeated = false;
    return isRepeated;
  }

  /** The line with the count, unless that count was returned already. */
  pending(): readonly LogLine[] {
    if (this.#count === this.#reported) return [];
    this.#reported = this.#count;
    const { describe, fields, sinceMs } = this.#options;
    const message = describe(this.#count, new Date(sinceMs).toISOString());
    return [{ level: "warn", message, ...(fields === undefined ? {} : { fields }) }];
  }
}
