import type { Logger } from "../../observability/logger.ts";

/** An `ip` that passed its deadline and was killed. */
export interface Hang {
  /** The commands that it was given, in the words of ip-route(8) and ip-link(8). */
  readonly commands: readonly string[];
  /** How long it had them. */
  readonly durationMs: number;
}

/** Commands that a line names. */
const NAMED = 2;

const WINDOW_MS = 60_000;

/** Warns of each `ip` that hung; if it happens again and again, once a minute. */
export class HangLog {
  readonly #logger: Logger;
  readonly #windowMs: number;
  /** Hangs since the last line. */
  #more = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param windowMs milliseconds in which there is one line. @default 60000 */
  constructor(logger: Logger, windowMs = WINDOW_MS) {
    this.#logger = logger;
    this.#windowMs = windowMs;
  }

  note(hang: Hang): void {
    if (this.#timer !== undefined) {
      this.#more += 1;
      return;
    }
    this.#logger.log("warn", describeHang(hang));
    this.#wait();
  }

  /** Logs what is still counted. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flush();
  }

  #wait(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#flush()) this.#wait();
    }, this.#windowMs);
  }

  /** True if there was something to log. */
  #flush(): boolean {
    const more = this.#more;
    this.#more = 0;
    if (more === 0) return false;
    const times = more === 1 ? "once more" : `${more} more times`;
    this.#logger.log("warn", `ip hung ${times} since then, and was killed each time`);
    return true;
  }
}

function describeHang({ commands, durationMs }: Hang): string {
  const more = commands.length - NAMED;
  const named = commands.slice(0, NAMED).map((command) => `"${command}"`).join(", ");
  return `ip did not answer within ${
    Math.round(durationMs)
  } ms and was killed; a fresh ` +
    `ip takes over; it was asked: ${named}${more > 0 ? ` and ${more} more` : ""}`;
}
