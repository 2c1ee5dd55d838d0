/** The log lines about `ip` itself: that it hung, and its warnings. */
import type { Logger } from "../../observability/logger.ts";
import { countOf, quote } from "../../shared/quote.ts";

/** An `ip` that passed its deadline and was killed. */
export interface Hang {
  /** The commands of the batch, as lines of ip-route(8) and ip-link(8). */
  readonly commands: readonly string[];
  /** Milliseconds since the batch was sent. */
  readonly durationMs: number;
}

/** How many commands a log line names. */
const NAMED = 2;

const WINDOW_MS = 60_000;

/** Warns of each `ip` that hung, at most once a minute, then with a count. */
export class HangLog {
  readonly #logger: Logger;
  readonly #windowMs: number;
  /** Hangs since the last line. */
  #more = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param windowMs milliseconds in which one line is logged. @default {60000} */
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
    this.#startWindow();
  }

  /** Logs the count of the open window. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flush();
  }

  #startWindow(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#flush()) this.#startWindow();
    }, this.#windowMs);
  }

  /** True if there was something to log. */
  #flush(): boolean {
    const more = this.#more;
    this.#more = 0;
    if (more === 0) return false;
    const times = countOf(more, "more time");
    this.#logger.log("warn", `ip hung ${times} since then and was killed each time`);
    return true;
  }
}

function describeHang({ commands, durationMs }: Hang): string {
  const more = commands.length - NAMED;
  const named = commands.slice(0, NAMED).map((command) => `"${command}"`).join(", ");
  return `ip did not answer within ${
    Math.round(durationMs)
  } ms, so the sidecar killed ` +
    `it and started a new one; commands: ${named}${
      more > 0 ? ` and ${more} more` : ""
    }`;
}

/** How many distinct warnings one process logs. */
const MAX_WARNINGS = 64;

/** How many characters of a warning are compared and logged. */
const MAX_WARNING_LENGTH = 300;

/**
 * Logs each warning of `ip` once. Warnings that differ only in numbers, such as
 * `pid 4711: …`, are the same warning.
 */
export class WarningLog {
  readonly #logger: Logger;
  readonly #known = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  note(warning: string): void {
    const text = warning.trim().slice(0, MAX_WARNING_LENGTH);
    const key = text.replace(/\d+/g, "0");
    if (text === "" || this.#known.has(key) || this.#known.size > MAX_WARNINGS) return;
    this.#known.add(key);
    if (this.#known.size > MAX_WARNINGS) {
      this.#logger.log("warn", "Further warnings of ip are not logged");
    } else {
      this.#logger.log("warn", `Ignored a warning of ip: ${quoteLong(text)}`);
    }
  }
}

/** Quotes a text in pieces, because `quote` cuts long texts. */
function quoteLong(text: string): string {
  const pieces = text.match(/.{1,64}/gsu) ?? [];
  return `"${pieces.map((piece) => quote(piece).slice(1, -1)).join("")}"`;
}
