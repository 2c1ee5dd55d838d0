import type { Logger } from "../observability/logger.ts";
import { backoffMs } from "../shared/backoff.ts";
import { FAILED_RESYNCS, FIRST_RESYNC_RETRY_MS } from "./limits.ts";

/** Where the results of resyncs go. */
export interface ResyncLogParts {
  readonly logger: Logger;
  /** Milliseconds between two resyncs that succeed. */
  readonly resyncMs: number;
  /** Called with the reason when resyncs keep failing; undefined: they succeed again. */
  readonly onFault: (fault: string | undefined) => void;
}

/**
 * Logs once that resyncs fail, and once that they succeed again. A node that cannot read
 * all of the kernel repairs only what events show, so its health says so in the end.
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
    if (this.#failed === FAILED_RESYNCS) {
      onFault(`${FAILED_RESYNCS} resyncs failed in a row: ${oneLine(why)}`);
    }
    return backoffMs(this.#failed, {
      firstMs: FIRST_RESYNC_RETRY_MS,
      mostMs: resyncMs,
    });
  }

  succeeded(): void {
    const { logger, onFault } = this.#parts;
    const failed = this.#failed;
    this.#failed = 0;
    if (failed === 0) return;
    const times = failed === 1 ? "1 failure" : `${failed} failures`;
    logger.log("info", `The resync succeeds again after ${times}`);
    if (failed >= FAILED_RESYNCS) onFault(undefined);
  }
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, "; ");
}
