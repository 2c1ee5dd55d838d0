/** How much one watch may still carry. */
export interface WatchAllowance {
  /**
   * Counts the items of the next message.
   *
   * @returns the limit that it would exceed; undefined if it may be sent
   */
  exceeds(count: number): number | undefined;
  /** Must be called when the watch is over. */
  close(): void;
}

/**
 * Bounds what the watches of one RPC carry. Deno 2.9.3 takes every message off a stream,
 * even if the client does not read, and keeps it in memory (measured). So a watch is ended
 * at a limit, and a client that does read watches again.
 */
export class WatchBudget {
  readonly #ofOne: number;
  readonly #ofAll: number;
  #open = 0;

  /**
   * @param ofOne how much one watch may carry
   * @param ofAll how much all open watches may carry together; each has an equal share
   */
  constructor(ofOne: number, ofAll: number) {
    this.#ofOne = ofOne;
    this.#ofAll = ofAll;
  }

  open(): WatchAllowance {
    this.#open += 1;
    let carried = 0;
    return {
      exceeds: (count) => {
        carried += count;
        const limit = Math.min(this.#ofOne, Math.floor(this.#ofAll / this.#open));
        return carried <= limit ? undefined : limit;
      },
      close: () => void (this.#open -= 1),
    };
  }
}
