import { quote } from "../../shared/quote.ts";
import type { Logger } from "../../observability/logger.ts";

/** Distinct warnings that are logged in the life of a process. */
const KEPT = 64;

/** Characters of a warning that tell it from others. */
const LENGTH = 300;

/**
 * Says once each what `ip` writes that is no answer and harms none. What counts a
 * process or a time in each line (`pid 4711: …`) is one warning, not thousands.
 */
export class WarningLog {
  readonly #logger: Logger;
  readonly #known = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  note(warning: string): void {
    const text = warning.trim().slice(0, LENGTH);
    const key = text.replace(/\d+/g, "0");
    if (text === "" || this.#known.has(key) || this.#known.size > KEPT) return;
    this.#known.add(key);
    if (this.#known.size > KEPT) {
      this.#logger.log("warn", "Further warnings of ip are not logged");
    } else {
      this.#logger.log("warn", `Warning of ip, ignored: ${shown(text)}`);
    }
  }
}

/** Quoted piece by piece: `quote` cuts what is long. */
function shown(text: string): string {
  const pieces = text.match(/.{1,64}/gsu) ?? [];
  return `"${pieces.map((piece) => quote(piece).slice(1, -1)).join("")}"`;
}
