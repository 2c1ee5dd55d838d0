import type { Logger } from "../observability/logger.ts";

/** Resyncs that fail in a row before the node no longer counts as serving. */
const FAILED_FOR_GOOD = 3;

/** Pause before a failed resync is tried again, doubled each time, in milliseconds. */
const FIRST_RETRY_MS = 1000;

/** What is told of resyncs. */
export interface ResyncLogParts {
  readonly logger: Logger;
  /** Milliseconds between two resyncs that succeed. */
  readonly resyncMs: number;
  /** Told why resyncs keep failing, and when they do no longer. */
  readonly onFault: (fault: string | undefined) => void;
}

/**
 * Says once that resyncs fail and once that they are over it. A node that cannot read the
 * kernel as a whole heals only what events tell, so in the end its health says so as well.
 */
export class ResyncLog {
  readonly #parts: ResyncLogParts;
  #failed = 0;

  constructor(parts: ResyncLogParts) {
    this.#parts = parts;
  }

  /** @returns milliseconds until the next try */
  failed(why: string): number {
    const { logger, onFault, resyncMs } = this.#parts;
    this.#failed += 1;
    if (this.#failed === 1) {
      logger.log("warn", `The resync failed, trying again: ${oneLine(why)}`);
    }
    if (this.#failed === FAILED_FOR_GOOD) {
      onFault(`${FAILED_FOR_GOOD} resyncs failed in a row: ${oneLine(why)}`);
    }
    return Math.min(FIRST_RETRY_MS * 2 ** (this.#failed - 1), resyncMs);
  }

  succeeded(): void {
    const { logger, onFault } = this.#parts;
    const failed = this.#failed;
    this.#failed = 0;
    if (failed === 0) return;
    const times = failed === 1 ? "1 failure" : `${failed} failures`;
    logger.log("info", `The resync succeeds again after ${times}`);
    if (failed >= FAILED_FOR_GOOD) onFault(undefined);
  }
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, "; ");
}
